// How many batches large reads become: with compression a read of 120 KiB is a few packets, and a batch of its own for each of
// them would cost more than the bytes.

import type { PacketBatch } from '@kcptun/common';
import type { SimHost } from '@kcptun/testkit';
import type { Host } from '@kcptun/transport';
import { expect, test } from 'vitest';
import { override, SECOND, Simulation } from './simulation.ts';

const READS = 16;

/** The client's machine, with the packets of each batch that it sends. */
function countBatches(near: SimHost, batches: number[]): Host {
  return override<Host>(near, {
    openDatagram: (options, events, callback) =>
      near.openDatagram(options, events, (error, socket) => {
        if (socket === undefined) {
          callback(error, undefined);
          return;
        }
        const send = (batch: PacketBatch): number => {
          batches.push(batch.count);
          return socket.send(batch);
        };
        callback(undefined, override(socket, { send }));
      }),
  });
}

async function send(piece: Uint8Array): Promise<number[]> {
  const batches: number[] = [];
  const simulation = await Simulation.start({
    clientHost: (near) => countBatches(near, batches),
    shared: { session: { dataShards: 0, parityShards: 0 } },
  });
  const app = simulation.connect();
  app.send(1000);
  simulation.run(() => simulation.targets[0]?.received === 1000, SECOND);
  batches.length = 0;
  for (let index = 0; index < READS; index++) app.connection.write(piece, () => {});
  simulation.run(() => simulation.targets[0]?.received === 1000 + READS * piece.length, 10 * SECOND);
  simulation.stop();
  return batches;
}

test('large reads that compress well share batches', async () => {
  // Fast enough that nothing but the reads themselves makes batches.
  const batches = await send(new Uint8Array(64 * 1024));
  const packets = batches.reduce((sum, count) => sum + count, 0);
  expect(packets).toBeGreaterThan(30);
  expect(batches.length).toBeLessThan(READS / 2);
});

test('a large read that nothing follows leaves in the same turn of the event loop', async () => {
  const batches: number[] = [];
  const simulation = await Simulation.start({ clientHost: (near) => countBatches(near, batches) });
  const app = simulation.connect();
  app.send(1000);
  simulation.run(() => simulation.targets[0]?.received === 1000, SECOND);
  const before = simulation.world.clock.now;
  app.connection.write(new Uint8Array(64 * 1024), () => {});
  batches.length = 0;
  simulation.run(() => batches.length > 0, SECOND);
  expect(simulation.world.clock.now - before).toBeLessThan(1);
  simulation.stop();
});
