// The whole tunnel, both ends, on one virtual clock over a simulated network: hours pass in a second, and the same seed gives the same run.

import { readdirSync, readFileSync } from 'node:fs';
import type { CryptMethod } from '@kcptun/crypt';
import type { TunnelError, TunnelOptions } from '@kcptun/tunnel';
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { CLIENT, SECOND, SERVER, Simulation } from './simulation.ts';

/** A transfer both ways over a bad path; returns everything by which two runs could differ. */
async function badPath(seed: number, shared: Partial<TunnelOptions>): Promise<string> {
  const simulation = await Simulation.start({
    seed,
    shared,
    link: (link) => link.setDelay(30).setJitter(10).setLoss(0.08).setDuplicate(0.02).setCorrupt(0.01).setReorder(0.02, 15),
    onTarget: (party) => {
      party.send(150_000, 4);
      party.connection.end();
    },
  });
  const app = simulation.connect(4);
  app.send(150_000);
  app.connection.end();
  simulation.run(() => app.closed && simulation.targets[0]?.closed === true, 120 * SECOND);
  expect(app).toMatchObject({ received: 150_000, wrong: -1, ended: true, error: undefined });
  expect(simulation.targets[0]).toMatchObject({ received: 150_000, wrong: -1, ended: true });
  const finished = simulation.world.clock.now;
  simulation.stop();
  const { up, down } = { up: simulation.world.link(CLIENT, SERVER).stats, down: simulation.world.link(SERVER, CLIENT).stats };
  return JSON.stringify([finished, up, down, simulation.client.stats().snmp, simulation.server.stats().snmp]);
}

test('the tunnel knows the system through Host only', () => {
  const folder = new URL('../src/', import.meta.url);
  const sources = readdirSync(folder).map((name) => readFileSync(new URL(name, folder), 'utf8'));
  const imports = sources.flatMap((source) => [...source.matchAll(/from '(node:[^']+)'/g)].map((match) => match[1]));
  expect(new Set(imports)).toEqual(new Set(['node:events', 'node:diagnostics_channel']));
});

describe('a tunnel in a simulated world', () => {
  it('carries every byte over a bad path, whatever the seed and the settings', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(),
        fc.constantFrom<1 | 2>(1, 2),
        fc.boolean(),
        fc.constantFrom<CryptMethod>('aes', 'none', 'salsa20', 'aes-128-gcm'),
        async (seed, version, compression, crypt) => {
          await badPath(seed, { smux: { version }, compression, crypt });
        },
      ),
      { numRuns: 6 },
    );
  });

  it('runs the same way for the same seed, and another for another', async () => {
    const first = await badPath(5, {});
    expect(await badPath(5, {})).toBe(first);
    expect(await badPath(6, {})).not.toBe(first);
  });

  it('keeps a quiet connection for hours, without a word', async () => {
    const simulation = await Simulation.start();
    const app = simulation.connect();
    simulation.world.clock.advanceBy(6 * 3600 * SECOND);
    expect(simulation.clientLines.lines.concat(simulation.serverLines.lines)).toEqual([]);
    app.send(1000);
    simulation.run(() => simulation.targets[0]?.received === 1000, SECOND);
    simulation.stop();
  });

  it('gives up a target that does not answer after 10 s, and leaves nothing when stopped before', async () => {
    const simulation = await Simulation.start({ targetHost: '10.9.9.9' });
    const app = simulation.connect();
    app.send(1000);
    simulation.run(() => app.closed, 11 * SECOND);
    expect(app.error?.message).toContain('ECONNRESET');
    expect(simulation.serverLines.lines).toEqual(['the target cannot be reached: no answer within 10 s']);
    const second = simulation.connect();
    second.send(1000);
    simulation.world.clock.advanceBy(SECOND);
    simulation.stop();
    expect(second.closed).toBe(true);
  });

  it('tells an application that still sends when the target is gone', async () => {
    const simulation = await Simulation.start({
      onTarget: (party) => {
        party.connection.pause();
      },
    });
    const reasons: (string | undefined)[] = [];
    simulation.client.on('streamClosed', (_stream, error) => reasons.push((error as TunnelError | undefined)?.code));
    const app = simulation.connect();
    app.send(20_000_000);
    simulation.world.clock.advanceBy(5 * SECOND);
    simulation.targets[0]?.connection.destroy(true);
    simulation.run(() => app.closed, SECOND);
    expect(app.error?.message).toContain('ECONNRESET');
    expect(reasons).toEqual(['KCPTUN_ERR_SMUX_RESET']);
    expect(simulation.client.stats().links).toHaveLength(1);
    simulation.stop();
  });

  it('waits for a target that has said its last word and reads nothing for ten minutes', async () => {
    const simulation = await Simulation.start({
      onTarget: (party) => {
        party.connection.pause();
        party.connection.end();
      },
    });
    const app = simulation.connect();
    app.send(6_000_000);
    simulation.run(() => app.ended, SECOND);
    simulation.world.clock.advanceBy(600 * SECOND);
    expect(app.closed).toBe(false);
    const [target] = simulation.targets;
    target?.connection.resume();
    simulation.run(() => target?.received === 6_000_000, 30 * SECOND);
    expect(target).toMatchObject({ received: 6_000_000, wrong: -1, closed: false });
    expect([...simulation.clientLines.lines, ...simulation.serverLines.lines]).toEqual([]);
    simulation.stop();
  });

  it.each(['half', 'whole'])('an application that has said its last word pauses for 100 s; the target closes its %s', async (part) => {
    const total = 6_000_000;
    const simulation = await Simulation.start({
      onTarget: (party) => {
        party.send(total, 4);
        // Behind all of its bytes; the whole connection is closed then.
        if (part === 'whole') party.connection.end();
      },
    });
    const app = simulation.connect(4);
    app.send(1000);
    app.connection.end();
    simulation.run(() => app.received > 500_000, 20 * SECOND);
    app.connection.pause();
    simulation.world.clock.advanceBy(100 * SECOND);
    app.connection.resume();
    simulation.run(() => app.received === total && (part === 'half' || app.ended), 60 * SECOND);
    expect(app).toMatchObject({ received: total, wrong: -1, ended: part === 'whole', error: undefined });
    simulation.stop();
  });

  it('gives a connection up that has not moved for a minute when another needs its place, and says so', async () => {
    const simulation = await Simulation.start({
      serverFiles: 40,
      onTarget: (party) => {
        party.send(3_000_000, 4);
      },
    });
    const { connectionBudget } = simulation.far;
    const reasons: (string | undefined)[] = [];
    simulation.server.on('streamClosed', (_stream, error) => reasons.push((error as TunnelError | undefined)?.code));
    const paused = Array.from({ length: connectionBudget.limit / 2 }, () => {
      const app = simulation.connect(4);
      app.send(10);
      app.connection.end();
      app.connection.pause();
      return app;
    });
    simulation.world.clock.advanceBy(30 * SECOND);
    const early = simulation.connect(4);
    early.send(10);
    simulation.world.clock.advanceBy(5 * SECOND);
    expect(early.closed).toBe(true);
    simulation.world.clock.advanceBy(60 * SECOND);
    // Nothing is given up before it is needed.
    expect(reasons).not.toContain('KCPTUN_ERR_TUNNEL_PEER_CLOSED');
    const late = simulation.connect(4);
    late.send(10);
    simulation.world.clock.advanceBy(5 * SECOND);
    expect(late.received).toBe(3_000_000);
    expect(reasons.filter((code) => code === 'KCPTUN_ERR_TUNNEL_PEER_CLOSED')).toHaveLength(1);
    for (const app of paused) app.connection.resume();
    simulation.world.clock.advanceBy(SECOND);
    expect(paused.filter(({ closed }) => closed).length).toBe(1);
    expect(simulation.serverLines.lines.filter((line) => line.startsWith('given up, because nothing was read'))).toHaveLength(1);
    simulation.stop();
  });

  it('forgets a stream that had failed before its target answered', async () => {
    const simulation = await Simulation.start({ shared: { compression: false } });
    const app = simulation.connect();
    app.send(10);
    simulation.run(() => simulation.targets[0]?.received === 10, SECOND);
    const [link] = simulation.client.stats().links;
    // SYN of stream 1001, and UPD that claims that 5 bytes of it were consumed.
    const frames = Uint8Array.of(2, 0, 0, 0, 0xe9, 3, 0, 0, 2, 4, 8, 0, 0xe9, 3, 0, 0, 5, 0, 0, 0, 0, 0, 1, 0);
    link?.session.write(frames, 0, frames.length);
    link?.kick();
    simulation.run(() => simulation.targets[1]?.closed === true, SECOND);
    expect(simulation.server.stats().streams).toBe(1);
    simulation.stop();
  });

  it('fills a window of 8192 segments over 100 ms to nine tenths', async () => {
    const RTT = 100;
    const MSS = 500 - 24;
    const simulation = await Simulation.start({
      link: (link) => link.setDelay(RTT / 2),
      shared: {
        crypt: 'null',
        compression: false,
        session: { mode: 'fast3', sndWnd: 8192, rcvWnd: 8192, mtu: 500, dataShards: 0, parityShards: 0 },
        // The default lets one stream have 2 MiB under way, whatever the windows.
        smux: { maxStreamBuffer: 8 << 20, maxReceiveBuffer: 16 << 20 },
      },
    });
    const app = simulation.connect();
    app.send(80_000_000);
    simulation.world.clock.advanceBy(1.2 * SECOND);
    const target = simulation.targets[0];
    const before = target?.received ?? 0;
    simulation.world.clock.advanceBy(0.5 * SECOND);
    expect(((target?.received ?? 0) - before) / (0.5 * SECOND)).toBeGreaterThanOrEqual((0.9 * 8192 * MSS) / RTT);
    expect(target?.wrong).toBe(-1);
    simulation.stop();
  });

  it('drains over a slow path', async () => {
    const simulation = await Simulation.start({
      link: (link) => link.setDelay(50).setRate(200_000, 60_000),
      onTarget: (party) => {
        party.send(300_000, 4);
        party.connection.end();
      },
    });
    const app = simulation.connect(4);
    app.connection.end();
    simulation.run(() => simulation.targets[0]?.closed === true, 10 * SECOND);
    // The stream is over for the server, its last bytes are not.
    expect(simulation.server.stats().streams).toBe(0);
    expect(app.received).toBeLessThan(300_000);
    const drained = simulation.server.drain(60 * SECOND);
    for (let round = 0; round < 600 && !simulation.server.stopped; round++) {
      simulation.world.clock.advanceBy(100);
      await Promise.resolve();
    }
    expect(await drained).toBe(true);
    simulation.world.clock.advanceBy(SECOND);
    expect(app).toMatchObject({ received: 300_000, wrong: -1, ended: true });
    simulation.stop();
  });

  it('looks names up anew for every attempt, and pauses longer each time', async () => {
    const simulation = await Simulation.start({ client: { remote: { host: 'server.example', minPort: 29_900, maxPort: 29_900 } } });
    const app = simulation.connect();
    app.send(1000);
    simulation.world.clock.advanceBy(2 * SECOND);
    simulation.world.names.set('server.example', SERVER);
    simulation.run(() => simulation.targets[0]?.received === 1000, 3 * SECOND);
    expect(simulation.clientLines.lines).toEqual([
      // At the start, when nobody waits yet.
      're-connecting in 0.5 s: lookup server.example: ENOTFOUND',
      're-connecting in 1 s: lookup server.example: ENOTFOUND',
      're-connecting in 2 s: lookup server.example: ENOTFOUND',
    ]);
    simulation.stop();
  });

  it('opens no stream for a connection that was closed while it waited for a session', async () => {
    const simulation = await Simulation.start({ client: { remote: { host: 'server.example', minPort: 29_900, maxPort: 29_900 } } });
    const gone = simulation.connect();
    const app = simulation.connect();
    app.send(1000);
    gone.connection.destroy(true);
    simulation.world.names.set('server.example', SERVER);
    simulation.run(() => simulation.targets[0]?.received === 1000, 3 * SECOND);
    simulation.world.clock.advanceBy(SECOND);
    expect(simulation.targets).toHaveLength(1);
    expect(simulation.client.stats().streams).toBe(1);
    simulation.stop();
  });

  it('resets a connection after five attempts', async () => {
    const simulation = await Simulation.start({ client: { remote: { host: 'nowhere', minPort: 1, maxPort: 1 } } });
    const app = simulation.connect();
    simulation.run(() => app.closed, 60 * SECOND);
    // One line of the start, when nobody waited yet, and five of the attempts for the connection.
    expect(simulation.clientLines.lines).toHaveLength(6);
    expect(simulation.clientLines.lines[5]).toMatch(/giving up after 5 attempts: lookup nowhere: ENOTFOUND$/);
    simulation.stop();
  });

  it('survives churn: an hour of connections that come and go as they like', async () => {
    const simulation = await Simulation.start({
      seed: 9,
      link: (link) => link.setDelay(25).setLoss(0.03),
      client: { connections: 2 },
      onTarget: (party) => {
        party.send(2000, 4);
      },
    });
    for (let minute = 0; minute < 60; minute++) {
      const apps = Array.from({ length: 5 }, () => simulation.connect(4));
      for (const [index, app] of apps.entries()) {
        app.send(500 * index);
        if (index === 3) app.connection.destroy(true);
      }
      simulation.world.clock.advanceBy(20 * SECOND);
      for (const app of apps) app.connection.end();
      for (const target of simulation.targets.splice(0)) target.connection.end();
      simulation.world.clock.advanceBy(40 * SECOND);
      expect(apps.filter((app) => app.wrong >= 0 || app.received > 2000)).toEqual([]);
    }
    expect(simulation.client.stats()).toMatchObject({ streams: 0, chunks: 0 });
    expect(simulation.server.stats()).toMatchObject({ streams: 0, chunks: 0 });
    expect(simulation.client.stats().links.every((link) => link.smux.streamCount === 0)).toBe(true);
    simulation.stop();
  });
});
