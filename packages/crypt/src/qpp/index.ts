/** QPP: the optional permutation layer over the bytes of one stream. */
export { qppKeyWarnings, qppMinimumKeyLength } from './qpp-limits.ts';
export { QPP_MAX_PADS, type QppGeneration, QppPads } from './qpp-pads.ts';
export { QppStream } from './qpp-stream.ts';
