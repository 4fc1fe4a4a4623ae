// Two smux sessions joined in memory: MB/s of payload through 1 and 100 streams, medians of short interleaved runs.
// Each byte is copied once, into the receiving stream's chunk. Run: node packages/benchmarks/dist/smux.js

import { ChunkPool } from '@kcptun/common';
import { parseSmuxConfig, SmuxSession, type SmuxStream } from '@kcptun/smux';
import { median } from '@kcptun/testkit';

const ROUNDS = 9;
const BYTES_PER_RUN = 200_000_000;
const ROOM = 65_536;
const BLOCK = new Uint8Array(65_536).fill(7);

const contestants = ([1, 2] as const).flatMap((version) =>
  [8192, 32_768].flatMap((maxFrameSize) => [1, 100].map((count) => contestant(version, maxFrameSize, count))),
);
for (let round = 0; round < ROUNDS; round++) for (const each of contestants) each.run();
for (const each of contestants) console.log(each.line());

/** One setting with its samples. */
function contestant(version: 1 | 2, maxFrameSize: number, count: number): { run: () => void; line: () => string } {
  const pool = new ChunkPool();
  const config = parseSmuxConfig({ version, maxFrameSize });
  const client = new SmuxSession({ client: true, config, pool, now: 0 });
  const server = new SmuxSession({ client: false, config, pool, now: 0 });
  const streams: SmuxStream[] = Array.from({ length: count }, () => client.openStream(0));
  let left = 0;
  const link = (target: SmuxSession): { room(): number; write(bytes: Uint8Array, offset: number, length: number): void } => ({
    room: () => left,
    write: (bytes, offset, length) => {
      left -= length;
      target.handleData(bytes, offset, length, 0);
    },
  });
  const up = link(server);
  const down = link(client);
  const samples: number[] = [];
  const transfer = (bytes: number): void => {
    const goal = server.stats.bytesReceived + bytes;
    while (server.stats.bytesReceived < goal) {
      for (const stream of streams) if (stream.bufferedAmount === 0) stream.write(BLOCK);
      left = ROOM;
      client.pollTransmit(up);
      while (server.pollAccept() !== undefined);
      for (let stream = server.pollReadable(); stream !== undefined; stream = server.pollReadable()) {
        for (let chunk = stream.take(); chunk !== undefined; chunk = stream.take()) {
          stream.consumed(chunk.end - chunk.start);
          pool.release(chunk);
        }
      }
      left = ROOM;
      server.pollTransmit(down);
      while (client.pollWritable() !== undefined);
    }
  };
  return {
    run: () => {
      const start = process.hrtime.bigint();
      transfer(BYTES_PER_RUN);
      samples.push(Number(process.hrtime.bigint() - start));
    },
    line: () => {
      const rate = (BYTES_PER_RUN / median(samples)) * 1000;
      return `smux ${version}, frames of ${String(maxFrameSize).padStart(5)}, ${String(count).padStart(3)} streams: ${rate.toFixed(0).padStart(6)} MB/s`;
    },
  };
}
