// Which session a new connection gets when sessions are made as needed: a small message must wait
// neither behind somebody else's bytes nor for their lost packets.

import { quantile, type SimLink } from '@kcptun/testkit';
import type { SocketAddress } from '@kcptun/transport';
import type { TunnelClientOptions } from '@kcptun/tunnel';
import { describe, expect, it } from 'vitest';
import { CLIENT, type Party, SECOND, SERVER, Simulation } from './simulation.ts';

const MESSAGE = 64;
/** What a connection says first when it wants bytes without end. */
const WANTS_BULK = 200;

/** Sends bytes without end to those who want them, and echoes messages. */
function serve(party: Party): void {
  const take = party.onData.bind(party);
  const pour = (): void => {
    if (!party.closed) party.connection.write(new Uint8Array(30_000), pour);
  };
  party.onData = (bytes) => {
    const first = party.received === 0;
    take(bytes);
    if (first && bytes.length === WANTS_BULK) for (let piece = 0; piece < 4; piece++) pour();
    else party.connection.write(bytes.slice(), () => {});
  };
}

function start(loss: number, client: Partial<TunnelClientOptions> = {}, rate = 250_000): Promise<Simulation> {
  return Simulation.start({
    onTarget: serve,
    link: (link) =>
      link
        .setDelay(50)
        .setLoss(loss)
        .setRate(rate, rate / 4),
    shared: { compression: false, session: { mode: 'auto' }, smux: { version: 2, maxReceiveBuffer: 1 << 25, maxStreamBuffer: 1 << 24 } },
    client,
  });
}

function streams(simulation: Simulation): number[] {
  return simulation.client.stats().links.map((link) => link.smux.streamCount);
}

/** A message every 50 ms for `seconds`; returns the 99th percentile of the times until they were back, ms. */
function exchangeMessages(simulation: Simulation, seconds: number): number {
  const { clock } = simulation.world;
  const app = simulation.connect();
  const sentAt: number[] = [];
  const trips: number[] = [];
  let back = 0;
  app.onData = (bytes) => {
    for (back += bytes.length; back >= MESSAGE; back -= MESSAGE) trips.push(clock.now - (sentAt.shift() as number));
  };
  const until = clock.now + seconds * SECOND;
  const send = (): void => {
    if (clock.now >= until) return;
    sentAt.push(clock.now);
    app.connection.write(new Uint8Array(MESSAGE), () => {});
    clock.after(50, send);
  };
  send();
  clock.advanceBy(seconds * SECOND + 2 * SECOND);
  expect(sentAt).toEqual([]);
  return quantile(trips, 0.99);
}

describe('sessions as needed', () => {
  it.each([
    [0.003, 160],
    [0.01, 180],
    [0.05, 300],
  ])('beside a download with a loss of %f, 99 of 100 messages are back within %f ms at a round trip of 100', async (loss, bound) => {
    const simulation = await start(loss, {}, 1_000_000);
    simulation.connect().send(WANTS_BULK);
    simulation.world.clock.advanceBy(3 * SECOND);
    const p99 = exchangeMessages(simulation, 8);
    expect(p99).toBeLessThanOrEqual(bound);
    simulation.stop();
  });

  it('are one at first, two once there is a stream, and one again after a quiet time', async () => {
    const simulation = await start(0);
    simulation.world.clock.advanceBy(SECOND);
    expect(streams(simulation)).toEqual([0]);
    const app = simulation.connect();
    app.send(10);
    simulation.world.clock.advanceBy(SECOND);
    expect(streams(simulation)).toEqual([1, 0]);
    app.connection.end();
    simulation.targets[0]?.connection.end();
    simulation.world.clock.advanceBy(20 * SECOND);
    expect(streams(simulation)).toEqual([0, 0]);
    simulation.world.clock.advanceBy(30 * SECOND);
    expect(streams(simulation)).toEqual([0]);
    simulation.stop();
  });

  it('are four at most, and those without bulk get what comes then', async () => {
    const simulation = await start(0, {}, 1_250_000);
    for (let bulk = 0; bulk < 3; bulk++) {
      simulation.connect().send(WANTS_BULK);
      simulation.world.clock.advanceBy(2 * SECOND);
    }
    expect(streams(simulation)).toEqual([1, 1, 1, 0]);
    for (let small = 0; small < 5; small++) simulation.connect().send(10);
    simulation.world.clock.advanceBy(SECOND);
    expect(streams(simulation)).toEqual([1, 1, 1, 5]);
    simulation.stop();
  });

  it('a new stream goes where the last download has ended', async () => {
    const simulation = await start(0);
    const bulk = simulation.connect();
    bulk.send(WANTS_BULK);
    simulation.world.clock.advanceBy(2 * SECOND);
    simulation.connect().send(10);
    simulation.world.clock.advanceBy(SECOND);
    expect(streams(simulation)).toEqual([1, 1, 0]);
    bulk.connection.destroy(true);
    simulation.world.clock.advanceBy(5 * SECOND);
    simulation.connect().send(10);
    simulation.world.clock.advanceBy(SECOND);
    expect(streams(simulation)).toEqual([1, 1, 0]);
    simulation.stop();
  });

  it('that a server refuses leave the first one to all, and are asked for only now and then', async () => {
    const simulation = await Simulation.start({
      onTarget: serve,
      shared: { session: { mode: 'auto' } },
      server: { maxSessionsPerAddress: 1 },
    });
    const apps = Array.from({ length: 4 }, () => simulation.connect());
    for (const app of apps) app.send(10);
    simulation.run(() => simulation.targets.length === 4, 5 * SECOND);
    expect(streams(simulation)[0]).toBe(4);
    const { ActiveOpens } = simulation.client.counters.snapshot();
    simulation.world.clock.advanceBy(60 * SECOND);
    expect(simulation.client.counters.snapshot().ActiveOpens - ActiveOpens).toBeLessThanOrEqual(7);
    simulation.stop();
  });

  it.each([
    [{ connections: 2 }, 2],
    [{ session: { mode: 'fast' as const } }, 1],
  ])('are none of them with %j: as many as were asked for', async (client, count) => {
    const simulation = await start(0, client);
    simulation.connect().send(WANTS_BULK);
    simulation.world.clock.advanceBy(3 * SECOND);
    expect(simulation.client.stats().links).toHaveLength(count);
    simulation.stop();
  });

  it('are made in other modes as well, when asked for', async () => {
    const simulation = await Simulation.start({ onTarget: serve, client: { connections: 'auto' } });
    simulation.connect().send(10);
    simulation.world.clock.advanceBy(SECOND);
    expect(streams(simulation)).toEqual([1, 0]);
    expect(simulation.client.maxSessions).toBe(4);
    simulation.stop();
  });
});

describe('a path that is throttled', () => {
  it.each([true, false])('is said once; with a range of ports new connections go to another one: %s', async (range) => {
    const ports = { minPort: 3000, maxPort: range ? 3003 : 3000 };
    const to: number[] = [];
    const links: SimLink[] = [];
    const simulation = await Simulation.start({
      link: (link) => {
        links.push(link.setDelay(20).setRate(500_000, 200_000));
      },
      shared: { compression: false, session: { mode: 'auto' }, smux: { version: 2, maxReceiveBuffer: 1 << 25, maxStreamBuffer: 1 << 24 } },
      client: { connections: 1, remote: { host: SERVER, ...ports } },
      server: { listen: { host: '', ...ports } },
      tap: {
        sent: (source: SocketAddress, target: SocketAddress) => {
          if (source.address === CLIENT && !to.includes(target.port)) to.push(target.port);
        },
        arrived() {},
      },
    });
    const { clock } = simulation.world;
    const app = simulation.connect();
    const pour = (): void => {
      if (!app.closed) app.connection.write(new Uint8Array(30_000), pour);
    };
    for (let piece = 0; piece < 4; piece++) pour();
    clock.advanceBy(11 * SECOND);
    expect(to.length).toBe(1);
    for (const link of links) link.setRate(60_000, 40_000);
    clock.advanceBy(45 * SECOND);
    const said = simulation.clientLines.lines.filter((line) => line.includes('may be throttled'));
    expect(said.length).toBe(1);
    expect(said[0]).toContain(range ? 'new connections go to another port' : 'with a range of ports');
    // The open connection stays where it is; the next one goes to another port, once the line is as it was.
    for (const link of links) link.setRate(500_000, 200_000);
    const received = simulation.targets[0]!.received;
    simulation.connect().send(MESSAGE);
    clock.advanceBy(3 * SECOND);
    expect(simulation.targets[0]!.received).toBeGreaterThan(received);
    expect(to.length).toBe(range ? 2 : 1);
    expect(simulation.client.stats().links.length).toBe(range ? 2 : 1);
    simulation.stop();
  });
});
