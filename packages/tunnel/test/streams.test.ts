// What smux settings do: to the frames on the wire, to the memory of a session, and to streams that share it.

import type { SocketAddress } from '@kcptun/transport';
import { describe, expect, it } from 'vitest';
import { CLIENT, type Party, SECOND, Simulation } from './simulation.ts';

/** The smux frames that the client sends, from datagrams in the clear. */
class FrameTap {
  readonly frames: { readonly cmd: number; readonly length: number; readonly at: number }[] = [];
  now: () => number = () => 0;
  #next = 0;
  #held: Map<number, Buffer> = new Map();
  #bytes: Buffer = Buffer.alloc(0);

  readonly sent = (from: SocketAddress, _to: SocketAddress, bytes: Uint8Array): void => {
    if (from.address !== CLIENT) return;
    const packet = Buffer.from(bytes);
    for (let at = 0; at + 24 <= packet.length; ) {
      const length = packet.readUInt32LE(at + 20);
      if (packet[at + 4] === 81) this.#held.set(packet.readUInt32LE(at + 12), packet.subarray(at + 24, at + 24 + length));
      at += 24 + length;
    }
    for (let part = this.#held.get(this.#next); part !== undefined; part = this.#held.get(this.#next)) {
      this.#held.delete(this.#next);
      this.#next += 1;
      this.#bytes = Buffer.concat([this.#bytes, part]);
    }
    this.#parse();
  };

  readonly arrived = (): void => {};

  #parse(): void {
    let at = 0;
    while (at + 8 <= this.#bytes.length) {
      const cmd = this.#bytes[at + 1] as number;
      const length = this.#bytes.readUInt16LE(at + 2);
      if (at + 8 + length > this.#bytes.length) break;
      this.frames.push({ cmd, length, at: this.now() });
      at += 8 + length;
    }
    this.#bytes = this.#bytes.subarray(at);
  }
}

const CLEAR = { crypt: 'null', compression: false, session: { dataShards: 0, parityShards: 0 } } as const;

describe('on the wire', () => {
  it.each([500, 8192, 65_535])('no frame is longer than %i', async (maxFrameSize) => {
    const tap = new FrameTap();
    const simulation = await Simulation.start({ tap, shared: { ...CLEAR, smux: { maxFrameSize } } });
    const app = simulation.connect();
    app.send(1_000_000);
    simulation.run(() => simulation.targets[0]?.received === 1_000_000, 30 * SECOND);
    const lengths = tap.frames.filter(({ cmd }) => cmd === 2).map(({ length }) => length);
    expect(lengths.reduce((sum, length) => sum + length, 0)).toBe(1_000_000);
    expect(Math.max(...lengths)).toBeLessThanOrEqual(maxFrameSize);
    expect(Math.max(...lengths)).toBeGreaterThan(maxFrameSize * 0.4);
    simulation.stop();
  });

  it.each([1, 10, 30])('a heartbeat every %i s', async (seconds) => {
    const tap = new FrameTap();
    const simulation = await Simulation.start({ tap, shared: { ...CLEAR, smux: { keepAliveInterval: seconds * SECOND } } });
    tap.now = () => simulation.world.clock.now;
    const app = simulation.connect();
    app.send(10);
    simulation.world.clock.advanceBy(300.5 * SECOND);
    // The first one proves the path as soon as the session is made.
    const beats = tap.frames
      .filter(({ cmd }) => cmd === 3)
      .map(({ at }) => at)
      .slice(1);
    expect(beats).toHaveLength(300 / seconds);
    for (let index = 1; index < beats.length; index++) {
      expect(Math.abs((beats[index] as number) - (beats[index - 1] as number) - seconds * SECOND)).toBeLessThan(5);
    }
    expect(app.closed).toBe(false);
    simulation.stop();
  });
});

interface Shared {
  readonly simulation: Simulation;
  /** Sends so many bytes to a target that reads; the time that took in ms. */
  transfer(bytes: number): number;
}

/** A session with `stalled` streams whose targets never read. */
async function withStalled(stalled: number, smux: { maxReceiveBuffer?: number; maxStreamBuffer?: number }): Promise<Shared> {
  let reading = true;
  const simulation = await Simulation.start({
    link: (link) => link.setDelay(10).setRate(4_000_000, 4_000_000),
    shared: { ...CLEAR, smux },
    onTarget: (party: Party) => {
      if (!reading) party.connection.pause();
    },
  });
  const transfer = (bytes: number): number => {
    const started = simulation.world.clock.now;
    const app = simulation.connect();
    app.send(bytes);
    const known = simulation.targets.length;
    simulation.run(() => simulation.targets[known]?.received === bytes, 60 * SECOND);
    return simulation.world.clock.now - started;
  };
  // The first transfer finds out what the path carries.
  transfer(2_000_000);
  reading = false;
  for (let index = 0; index < stalled; index++) simulation.connect().send(2_000_000);
  simulation.world.clock.advanceBy(20 * SECOND);
  reading = true;
  return { simulation, transfer };
}

describe('ten streams that nobody reads', () => {
  it('leave a busy one at least nine tenths of its speed', async () => {
    const alone = await withStalled(0, {});
    const beside = await withStalled(10, {});
    // Several, because one transfer now and then takes an eighth longer than the others, with or without the ten.
    let aloneTime = 0;
    let besideTime = 0;
    for (let count = 0; count < 6; count++) {
      aloneTime += alone.transfer(4_000_000);
      besideTime += beside.transfer(4_000_000);
    }
    const ratio = aloneTime / besideTime;
    expect(ratio).toBeGreaterThan(0.9);
    expect(ratio).toBeLessThan(1.1);
    expect(beside.simulation.client.stats().links).toHaveLength(1);
    alone.simulation.stop();
    beside.simulation.stop();
  }, 20_000);

  it.each([
    [524_288, 262_144],
    [1_048_576, 524_288],
    [4_194_304, 2_097_152],
  ])('hold no more than smuxbuf %i', async (maxReceiveBuffer, maxStreamBuffer) => {
    const { simulation } = await withStalled(10, { maxReceiveBuffer, maxStreamBuffer });
    const { links } = simulation.server.stats();
    const unread = links.reduce((sum, link) => sum + maxReceiveBuffer - link.smux.receiveTokens, 0);
    // One frame may go beyond the limit.
    expect(unread).toBeLessThanOrEqual(maxReceiveBuffer + 8192);
    expect(unread).toBeGreaterThan(Math.min(maxReceiveBuffer / 2, 1_500_000));
    simulation.stop();
  });
});

describe('memory', () => {
  it('goes back to the base line when it is quiet', async () => {
    const simulation = await Simulation.start({
      link: (link) => link.setDelay(20),
      shared: CLEAR,
      onTarget: (party) => party.send(5000, 4),
    });
    const first = simulation.connect(4);
    simulation.run(() => first.received === 5000, 5 * SECOND);
    simulation.world.clock.advanceBy(40 * SECOND);
    const base = [simulation.client.stats().bufferBytes, simulation.server.stats().bufferBytes];
    const apps = Array.from({ length: 200 }, () => simulation.connect(4));
    for (const app of apps) app.send(5000);
    apps[0]?.send(2_000_000);
    let peak = 0;
    for (let step = 0; step < 500; step++) {
      simulation.world.clock.advanceBy(20);
      peak = Math.max(peak, simulation.client.stats().bufferBytes, simulation.server.stats().bufferBytes);
      if (apps.every(({ received }) => received === 5000) && simulation.targets[1]?.received === 2_005_000) break;
    }
    for (const app of apps) app.connection.end();
    for (const target of simulation.targets.slice(1)) target.connection.end();
    simulation.world.clock.advanceBy(60 * SECOND);
    expect(simulation.targets.slice(1).reduce((sum, { received }) => sum + received, 0)).toBe(200 * 5000 + 2_000_000);
    expect(peak).toBeGreaterThan(1_000_000);
    for (const [index, { bufferBytes, chunks }] of [simulation.client.stats(), simulation.server.stats()].entries()) {
      expect(bufferBytes).toBeLessThanOrEqual((base[index] as number) + 100_000);
      expect(chunks).toBe(0);
    }
    simulation.stop();
  }, 20_000);
});
