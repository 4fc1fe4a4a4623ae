// Datagrams between nodes at virtual times, one by one and in batches.

import { BATCH_CAPACITY, DROPPED, HEADROOM, PacketBatch } from '@kcptun/common';
import { SimNetwork, VirtualClock } from '@kcptun/testkit';
import { describe, expect, test } from 'vitest';

const bytesOf = (...values: number[]): Uint8Array => Uint8Array.from(values);

describe('SimNetwork', () => {
  test('brings a datagram to its node after the delay of that direction', () => {
    const clock = new VirtualClock();
    const network = new SimNetwork({ clock, seed: 1 });
    const got: unknown[] = [];
    network.attach(1, (from, bytes) => got.push([clock.now, 1, from, ...bytes]));
    network.attach(2, (from, bytes) => {
      got.push([clock.now, 2, from, ...bytes]);
      network.send(2, from, bytesOf(8));
    });
    network.link(1, 2).setDelay(30);
    network.link(2, 1).setDelay(5.5);
    network.send(1, 2, bytesOf(7));
    clock.runUntilIdle(100);
    expect(got).toEqual([
      [30, 2, 1, 7],
      [35.5, 1, 2, 8],
    ]);
  });

  test('configures links when they are made, whoever makes them', () => {
    const clock = new VirtualClock();
    const network = new SimNetwork({ clock, seed: 1, configure: (link, from, to) => link.setDelay(from * 10 + to) });
    const at: number[] = [];
    network.attach(2, () => at.push(clock.now));
    network.send(1, 2, bytesOf(1));
    network.send(3, 2, bytesOf(1));
    clock.runUntilIdle(100);
    expect(at).toEqual([12, 32]);
  });

  test('gives a link the same fate whatever the order in which links are made', () => {
    const fates = [
      [
        [1, 2],
        [2, 1],
        [3, 1],
      ],
      [
        [3, 1],
        [2, 1],
        [1, 2],
      ],
    ].map((order) => {
      const clock = new VirtualClock();
      const network = new SimNetwork({ clock, seed: 42, configure: (link) => link.setLoss(0.5) });
      for (const [from, to] of order) network.link(from as number, to as number);
      const arrived: number[] = [];
      network.attach(2, (_from, bytes) => arrived.push(bytes[0] as number));
      for (let index = 0; index < 100; index++) network.send(1, 2, bytesOf(index));
      clock.runUntilIdle(1);
      return arrived;
    });
    expect(fates[0]).toEqual(fates[1]);
    expect(fates[0]?.length).toBeGreaterThan(20);
    expect(fates[0]?.length).toBeLessThan(80);
  });

  test('loses what is sent to nobody, and counts it', () => {
    const clock = new VirtualClock();
    const network = new SimNetwork({ clock, seed: 1 });
    network.attach(2, () => expect.unreachable());
    network.send(1, 2, bytesOf(1));
    network.detach(2);
    network.send(1, 9, bytesOf(1));
    clock.runUntilIdle(1);
    expect(network.undeliverable).toBe(2);
  });

  test('sends the packets of a batch where their paths lead', () => {
    const clock = new VirtualClock();
    const network = new SimNetwork({ clock, seed: 1 });
    const got: unknown[] = [];
    for (const node of [5, 6]) network.attach(node, (from, bytes) => got.push([node, from, ...bytes]));
    const batch = new PacketBatch();
    for (const [index, path] of [0, 1, 0, 9, 1].entries()) {
      batch.bytes[batch.slot(index) + HEADROOM] = index;
      batch.add(HEADROOM, 1, path);
    }
    batch.length[2] = DROPPED;
    network.sendBatch(1, batch, (path) => [5, 6][path]);
    batch.bytes.fill(0xee);
    clock.runUntilIdle(1);
    expect(got).toEqual([
      [5, 1, 0],
      [6, 1, 1],
      [6, 1, 4],
    ]);
    expect(network.undeliverable).toBe(1);
  });

  test('hands over the datagrams of one instant as one batch', () => {
    const clock = new VirtualClock();
    const network = new SimNetwork({ clock, seed: 1, configure: (link) => link.setDelay(3) });
    const batches: unknown[] = [];
    network.attachBatches(2, (batch) => {
      const packets = Array.from({ length: batch.count }, (_, index) => [batch.path[index], batch.packet(index)[0]]);
      batches.push([clock.now, packets.length, packets[0], packets.at(-1)]);
    });
    for (let index = 0; index < BATCH_CAPACITY + 6; index++) network.send(index % 2 === 0 ? 1 : 7, 2, bytesOf(index));
    clock.schedule(0.5, () => network.send(1, 2, bytesOf(99)));
    clock.runUntilIdle(10);
    expect(batches).toEqual([
      [3, BATCH_CAPACITY, [1, 0], [7, BATCH_CAPACITY - 1]],
      [3, 6, [1, BATCH_CAPACITY], [7, BATCH_CAPACITY + 5]],
      [3.5, 1, [1, 99], [1, 99]],
    ]);
  });
});
