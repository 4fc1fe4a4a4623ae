// The rate limit: how much leaves, how much at once, and that nothing starves by it.

import { describe, expect, test } from 'vitest';
import type { Session, SessionParameters } from '../src/index.ts';
import { BURST_PACKETS, Pacer } from '../src/pacer.ts';
import { Reader, Site, type SiteOptions, type World, Writer, world } from './world.ts';

/** Datagrams of one site with the times at which they left. */
class Meter {
  readonly at: number[] = [];
  readonly length: number[] = [];
  readonly #world: World;

  constructor(of: World) {
    this.#world = of;
  }

  readonly note = (bytes: Uint8Array): void => {
    this.at.push(this.#world.clock.now);
    this.length.push(bytes.length);
  };

  /** Bytes a second between two times. */
  rate(from: number, to: number): number {
    let bytes = 0;
    for (let index = 0; index < this.at.length; index++) {
      if ((this.at[index] as number) >= from && (this.at[index] as number) < to) bytes += this.length[index] as number;
    }
    return (bytes * 1000) / (to - from);
  }

  /** The most that was ahead of a steady stream of `rate`, in datagrams of `mtu`: how far a queue behind it would have grown. */
  burst(rate: number, mtu = 1350): number {
    let ahead = 0;
    let most = 0;
    let before = 0;
    for (let index = 0; index < this.at.length; index++) {
      const at = this.at[index] as number;
      ahead = Math.max(0, ahead - ((at - before) * rate) / 1000) + (this.length[index] as number);
      before = at;
      most = Math.max(most, ahead);
    }
    return most / mtu;
  }
}

interface Limited extends World {
  readonly meter: Meter;
  readonly session: Session;
  readonly reader: Reader;
  readonly server: Site;
}

const FAST = { nodelay: 1, interval: 10, sndWnd: 65_535, rcvWnd: 65_535, inflightFloor: 65_535 };

/** A client that sends more than the limit allows, for as long as the test runs. */
function upload(
  parameters: Partial<SessionParameters>,
  options: { loss?: number; crypt?: SiteOptions['crypt']; bytes?: number } = {},
): Limited {
  const it = world(1, (link) => link.setDelay(20).setLoss(options.loss ?? 0));
  const meter = new Meter(it);
  const reader = new Reader(3);
  const crypt = options.crypt ?? 'null';
  const server: Site = new Site(it.clock, it.network, 1, 'server', {
    crypt,
    parameters: FAST,
    onOpened: (session) => server.attach(session, reader, undefined),
  });
  const client = new Site(it.clock, it.network, 2, 'client', { crypt, parameters: { ...FAST, ...parameters }, onDatagram: meter.note });
  const session = client.open(1, undefined, new Writer(options.bytes ?? 1_000_000_000, 3, 8192));
  return { ...it, meter, session, reader, server };
}

describe('what leaves', () => {
  test.each([
    [10_000, 2000, 60_000],
    [100_000, 1000, 10_000],
    [1_000_000, 500, 2000],
    [12_500_000, 100, 300],
    [50_000_000, 50, 150],
  ])('at %i bytes a second, from %i ms on for %i ms, is within 5 %%, and at most 64 datagrams at once', (rate, from, span) => {
    const it = upload({ rateLimit: rate });
    it.clock.advanceBy(from + span);
    const measured = it.meter.rate(from, from + span);
    expect(measured / rate).toBeGreaterThan(0.95);
    expect(measured / rate).toBeLessThan(1.05);
    expect(it.meter.burst(rate)).toBeLessThanOrEqual(BURST_PACKETS);
    // Smooth: every tenth of the time has its share.
    const slot = span / 10;
    for (let at = from; at < from + span; at += slot) expect(it.meter.rate(at, at + slot) / rate).toBeLessThan(1.5);
  });

  test.each([
    ['without FEC, with aes', { dataShards: 0, parityShards: 0 }, 'aes'],
    ['with much parity', { dataShards: 10, parityShards: 10 }, 'null'],
    ['with a small mtu and gcm', { mtu: 576 }, 'aes-128-gcm'],
  ] as const)('counts all layers: %s', (_, parameters, crypt) => {
    const it = upload({ rateLimit: 400_000, ...parameters }, { crypt });
    it.clock.advanceBy(2500);
    expect(it.meter.rate(500, 2500) / 400_000).toBeGreaterThan(0.95);
    expect(it.meter.rate(500, 2500) / 400_000).toBeLessThan(1.05);
    expect(it.meter.burst(400_000, 'mtu' in parameters ? parameters.mtu : 1350)).toBeLessThanOrEqual(BURST_PACKETS);
  });

  test('counts what is sent again: a path with losses gets no more', () => {
    const it = upload({ rateLimit: 400_000, dataShards: 0, parityShards: 0 }, { loss: 0.2 });
    it.clock.advanceBy(11_000);
    expect(it.session.stats().retransSegs).toBeGreaterThan(300);
    expect(it.meter.rate(1000, 11_000) / 400_000).toBeGreaterThan(0.95);
    expect(it.meter.rate(1000, 11_000) / 400_000).toBeLessThan(1.05);
    expect(it.meter.burst(400_000)).toBeLessThanOrEqual(BURST_PACKETS);
  });

  test('arrives whole, in order and to the last byte, also over a path with losses', () => {
    for (const loss of [0, 0.1]) {
      const it = upload({ rateLimit: 300_000 }, { loss, bytes: 600_000 });
      it.clock.runUntil(() => it.session.drained, 60_000);
      expect(it.reader.received).toBe(600_000);
      it.clock.advanceBy(5000);
      expect(it.meter.at.at(-1)).toBeLessThan(it.clock.now - 2000);
    }
  });

  test('a server has a limit of its own, for each of its sessions', () => {
    const it = world(1, (link) => link.setDelay(20));
    const meters = new Map<number, Meter>([
      [2, new Meter(it)],
      [3, new Meter(it)],
    ]);
    const server: Site = new Site(it.clock, it.network, 1, 'server', {
      parameters: { ...FAST, rateLimit: 200_000, dataShards: 0, parityShards: 0 },
      onOpened: (session) => server.attach(session, new Reader(), new Writer(100_000_000, session.path)),
    });
    for (const [node, meter] of meters) {
      const reader = new Reader(node);
      const client = new Site(it.clock, it.network, node, 'client', { parameters: FAST, seed: node });
      client.open(1, reader, new Writer(10, 1));
      it.network.attachBatches(node, (batch) => {
        for (let index = 0; index < batch.count; index++) meter.note(batch.packet(index));
        client.endpoint.handleDatagrams(batch, it.clock.now);
        client.turn();
      });
    }
    it.clock.advanceBy(6000);
    for (const meter of meters.values()) {
      expect(meter.rate(1000, 6000) / 200_000).toBeGreaterThan(0.95);
      expect(meter.rate(1000, 6000) / 200_000).toBeLessThan(1.05);
    }
  });
});

describe('nothing starves', () => {
  /** Both ends send; the one that is limited gets far more than it may send. */
  function both(rateLimit: number): { it: World; received: { up: Reader; down: Reader }; meter: Meter } {
    const it = world(1, (link) => link.setDelay(20));
    const meter = new Meter(it);
    const received = { up: new Reader(3), down: new Reader(4) };
    const server: Site = new Site(it.clock, it.network, 1, 'server', {
      parameters: { ...FAST, rateLimit: 2_000_000 },
      onOpened: (session) => server.attach(session, received.up, new Writer(1_000_000_000, 4, 8192)),
    });
    const client = new Site(it.clock, it.network, 2, 'client', { parameters: { ...FAST, rateLimit }, onDatagram: meter.note });
    client.open(1, received.down, new Writer(1_000_000_000, 3, 8192));
    return { it, received, meter };
  }

  test('acknowledgements have their place before data', () => {
    const { it, received, meter } = both(100_000);
    it.clock.advanceBy(6000);
    // The other direction runs at its own rate: 10 of 13 datagrams are data.
    expect(received.down.received).toBeGreaterThan(0.9 * 6 * 2_000_000 * (10 / 13) * 0.95);
    expect(received.up.received).toBeGreaterThan(100_000);
    expect(meter.rate(1000, 6000) / 100_000).toBeLessThan(1.05);
  });

  test('data move on where acknowledgements alone would fill the rate', () => {
    const { it, received, meter } = both(3000);
    it.clock.advanceBy(20_000);
    expect(received.up.received).toBeGreaterThan(3000);
    expect(received.down.received).toBeGreaterThan(400_000);
    expect(meter.rate(2000, 20_000) / 3000).toBeLessThan(1.15);
  });
});

test('what waits to be sent is bounded by what can leave soon, not by the window', () => {
  const it = upload({ rateLimit: 20_000 });
  it.clock.advanceBy(3000);
  expect(it.session.kcp.waitSnd - it.session.kcp.inflight + it.session.kcp.quota.kept).toBeLessThan(16);
});

describe('Pacer', () => {
  test('a release has a fraction of a ms, and nothing is lost between two', () => {
    const pacer = new Pacer(1_350_000, 1350, 0);
    pacer.spend(pacer.refill(0));
    expect(pacer.releaseAt).toBeCloseTo(1);
    pacer.spend(pacer.refill(1.75) + 100);
    expect(pacer.releaseAt).toBeCloseTo(1.75 + 1450 / 1350);
  });

  test.each([[0], [3], [20]])('with %i parity shards a full bucket is less than a burst', (parity) => {
    const pacer = new Pacer(1e9, 1350, 0);
    pacer.expectParity(parity);
    expect(pacer.refill(1e6)).toBeLessThanOrEqual((BURST_PACKETS - parity - 2) * 1350);
  });

  test('a time that stands still brings nothing', () => {
    const pacer = new Pacer(10_000, 1350, 5);
    pacer.spend(pacer.refill(5));
    expect(pacer.refill(5)).toBe(0);
    expect(pacer.releaseAt).toBeGreaterThan(5);
  });
});
