/** smux streams as Duplex over any Duplex. */
export { type MuxOptions, muxOver, SmuxMuxer, type SmuxMuxerEvents } from './muxer.ts';
export { SmuxDuplex } from './smux-duplex.ts';
