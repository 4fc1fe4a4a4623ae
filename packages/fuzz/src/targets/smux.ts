// smux: the frames of a peer, cut anywhere, while the application opens, reads, writes and closes streams.

import { ChunkPool } from '@kcptun/common';
import { parseSmuxConfig, SmuxSession, type SmuxStream } from '@kcptun/smux';
import { FuzzInput } from '../input.ts';
import { type FuzzTarget, insist } from '../target.ts';

const RECEIVE_BUFFER = 65_536;
const STREAM_BUFFER = 16_384;
const MAX_STREAMS = 64;
const LARGEST_FRAME = 65_535;

/** Takes frames and counts their bytes, as far as there is room. */
class CountingSink {
  left = 0;
  written = 0;
  room(): number {
    return this.left;
  }
  write(_bytes: Uint8Array, _offset: number, length: number): void {
    this.left -= length;
    this.written += length;
  }
}

function run(bytes: Uint8Array): void {
  const input = new FuzzInput(bytes);
  const settings = input.u8();
  const version = (settings & 1) === 0 ? 1 : 2;
  const config = parseSmuxConfig({ version, maxReceiveBuffer: RECEIVE_BUFFER, maxStreamBuffer: STREAM_BUFFER, maxStreams: MAX_STREAMS });
  const pool = new ChunkPool();
  const session = new SmuxSession({ client: (settings & 2) !== 0, config, pool, now: 0 });
  const streams: SmuxStream[] = [];
  /** Those that the application must not write to any more. */
  const ended = new Set<SmuxStream>();
  const sink = new CountingSink();
  let now = 0;
  let waiting: Uint8Array = new Uint8Array(0);
  while (input.left > 0) {
    const command = input.u8();
    const stream = streams[command >> 4];
    switch (command & 15) {
      case 0:
        now += input.u16();
        session.handleTimeout(now);
        break;
      case 1:
        if (!session.closed && session.streamCount < MAX_STREAMS) streams.push(session.openStream(now));
        break;
      case 2: {
        const chunk = stream?.take();
        if (chunk === undefined) break;
        pool.release(chunk);
        stream?.consumed(chunk.end - chunk.start);
        break;
      }
      case 3:
        if (stream === undefined) break;
        ended.add(stream);
        stream.close();
        break;
      case 4:
        if (stream !== undefined && !ended.has(stream) && stream.bufferedAmount < RECEIVE_BUFFER) stream.write(new Uint8Array(input.u16()));
        break;
      case 5:
        if (stream === undefined) break;
        ended.add(stream);
        stream.end();
        break;
      default: {
        const piece = input.bytes(command);
        waiting = waiting.length === 0 ? piece : Buffer.concat([waiting, piece]);
      }
    }
    if (waiting.length > 0 && session.wantsInput) {
      const taken = session.handleData(waiting, 0, waiting.length, now);
      insist(taken >= 0 && taken <= waiting.length, 'handleData takes between nothing and everything');
      waiting = waiting.subarray(taken);
    }
    for (let each = session.pollAccept(); each !== undefined; each = session.pollAccept()) streams.push(each);
    while (session.pollReadable() !== undefined);
    while (session.pollWritable() !== undefined);
    sink.left = 1024;
    session.pollTransmit(sink);
    insist(session.streamCount <= MAX_STREAMS, 'streams are bounded');
    const unread = streams.reduce((sum, each) => sum + each.readableLength, 0);
    insist(unread <= RECEIVE_BUFFER + LARGEST_FRAME, 'unread bytes are bounded by the receive buffer and a frame');
  }
  session.close();
  for (const stream of streams) {
    for (let chunk = stream.take(); chunk !== undefined; chunk = stream.take()) pool.release(chunk);
    stream.close();
  }
  insist(pool.lent === 0, 'all chunks come back');
}

const frame = (version: number, cmd: number, sid: number, payload: readonly number[] = []): number[] => [
  ...[6 + ((version + cmd) & 8), version, cmd, payload.length, 0, sid, 0, 0, 0],
  ...payload,
];

/** Frames of the peer and what an application does in between. */
export const smuxTarget: FuzzTarget = {
  name: 'smux',
  maxLength: 1024,
  share: 1,
  seeds: [
    Uint8Array.of(1, 8, 2, 0, 0, 0, 3, 0, 0, 0, 14, 2, 2, 6, 0, 3, 0, 0, 0, 1, 2, 3, 4, 5, 6, 2, 3),
    Uint8Array.of(0, ...frame(1, 0, 3), ...frame(1, 2, 3, [1, 2, 3]), 2, ...frame(1, 1, 3), 3),
    Uint8Array.of(3, 1, 4, 0, 64, 15, 2, 4, 8, 0, 3, 0, 0, 0, 0, 16, 0, 0, 0, 0, 1, 0),
  ],
  run,
};
