// The sessions of a client: how many, how old, to which port, and what waits for them.

import type { PacketBatch } from '@kcptun/common';
import type { SimHost } from '@kcptun/testkit';
import { type Host, type SocketAddress, TransportError } from '@kcptun/transport';
import { type TunnelError, TunnelServer } from '@kcptun/tunnel';
import { describe, expect, it } from 'vitest';
import { CLIENT, override, type Party, SECOND, SERVER, Simulation } from './simulation.ts';

const ANSWER = 2000;

function answer(party: Party): void {
  party.send(ANSWER, 4);
}

/** A machine that is told that nobody listens behind an address, like Linux does: by what a socket to it sends next. */
function toldOfRefusal(near: SimHost, address: string): Host {
  const host: Host = near;
  return override(host, {
    openDatagram: (options, events, callback) =>
      near.openDatagram(options, events, (error, socket) => {
        if (socket === undefined || options.remote?.address !== address) {
          callback(error, socket);
          return;
        }
        const send = ({ count }: PacketBatch): number => {
          events.onTrouble(new TransportError('KCPTUN_ERR_TRANSPORT_SOCKET', 'send ECONNREFUSED'));
          return count;
        };
        callback(undefined, override(socket, { send }));
      }),
  });
}

describe('sessions', () => {
  it('are made at the start, and take connections in turn', async () => {
    const simulation = await Simulation.start({ client: { connections: 3 } });
    simulation.world.clock.advanceBy(1);
    expect([...simulation.near.ports]).toHaveLength(3);
    const apps = Array.from({ length: 7 }, () => simulation.connect());
    for (const app of apps) app.send(10);
    simulation.run(() => simulation.targets.length === 7, SECOND);
    simulation.world.clock.advanceBy(1);
    expect([...simulation.near.ports]).toHaveLength(3);
    expect(simulation.client.stats().links.map((link) => link.smux.streamCount)).toEqual([3, 2, 2]);
    simulation.stop();
  });

  it('that were made at the start let the first connection wait for nothing', async () => {
    const simulation = await Simulation.start({ onTarget: answer, link: (link) => link.setDelay(50) });
    simulation.world.clock.advanceBy(SECOND);
    const app = simulation.connect(4);
    app.send(1000);
    const asked = simulation.world.clock.now;
    simulation.run(() => app.received > 0, SECOND);
    // One round trip, and not another for the session.
    expect(simulation.world.clock.now - asked).toBeLessThan(150);
    simulation.stop();
  });

  it('that no server answers at the start are given up, and made when a connection comes', async () => {
    const simulation = await Simulation.start({
      onTarget: answer,
      client: { connections: 2, remote: { host: 'server.example', minPort: 29_900, maxPort: 29_900 } },
    });
    simulation.world.names.set('server.example', '10.9.9.9');
    simulation.world.clock.advanceBy(60 * SECOND);
    expect(simulation.client.stats().links).toEqual([]);
    simulation.world.names.set('server.example', SERVER);
    const asked = simulation.world.clock.now;
    simulation.exchange(ANSWER, SECOND);
    expect(simulation.world.clock.now - asked).toBeLessThan(SECOND);
    simulation.stop();
  });

  it('that no server has answered hold up no drain', async () => {
    const simulation = await Simulation.start({ client: { remote: { host: '10.9.9.9', minPort: 29_900, maxPort: 29_900 } } });
    simulation.world.clock.advanceBy(100);
    expect(simulation.client.stats().links).toHaveLength(1);
    const drained = simulation.client.drain(10 * SECOND);
    simulation.world.clock.advanceBy(1);
    expect(await drained).toBe(true);
    simulation.stop();
  });

  it('that have expired get no new streams, live on for theirs, and are closed with them at last', async () => {
    const simulation = await Simulation.start({ client: { autoExpire: 60 * SECOND, scavengeTtl: 30 * SECOND } });
    const reasons: (string | undefined)[] = [];
    simulation.client.on('streamClosed', (_stream, error) => reasons.push((error as TunnelError | undefined)?.code));
    const first = simulation.connect();
    first.send(10);
    simulation.world.clock.advanceBy(59 * SECOND);
    const second = simulation.connect();
    second.send(10);
    simulation.run(() => simulation.targets[1]?.received === 10, SECOND);
    expect(simulation.client.stats().links).toHaveLength(1);
    simulation.world.clock.advanceBy(2 * SECOND);
    const third = simulation.connect();
    third.send(10);
    simulation.run(() => simulation.targets[2]?.received === 10, SECOND);
    expect(simulation.client.stats().links.map((link) => link.smux.streamCount)).toEqual([2, 1]);
    first.send(10);
    simulation.run(() => simulation.targets[0]?.received === 20, SECOND);
    simulation.run(() => first.closed && second.closed, 31 * SECOND);
    expect(simulation.world.clock.now).toBeGreaterThan(90 * SECOND);
    expect(simulation.world.clock.now).toBeLessThan(91 * SECOND);
    expect(first.error?.message).toContain('ECONNRESET');
    expect(reasons).toEqual(['KCPTUN_ERR_TUNNEL_EXPIRED', 'KCPTUN_ERR_TUNNEL_EXPIRED']);
    expect(third.closed).toBe(false);
    expect(simulation.client.stats().links).toHaveLength(1);
    // The server was told: the connections to the target ended as well.
    simulation.run(() => simulation.targets[0]?.closed === true && simulation.targets[1]?.closed === true, SECOND);
    simulation.stop();
  });

  it('that have expired are closed once they carry nothing; with a ttl of -1 not before', async () => {
    const simulation = await Simulation.start({ client: { autoExpire: 10 * SECOND, scavengeTtl: -1 } });
    const first = simulation.connect();
    first.send(10);
    simulation.world.clock.advanceBy(3600 * SECOND);
    const second = simulation.connect();
    second.send(10);
    simulation.run(() => simulation.targets[1]?.received === 10, SECOND);
    expect(simulation.client.stats().links).toHaveLength(2);
    expect(first.closed).toBe(false);
    first.connection.end();
    simulation.targets[0]?.connection.end();
    simulation.run(() => simulation.client.stats().links.length === 1, 11 * SECOND);
    simulation.stop();
  });

  it('go to random ports of the range, each from a port of its own', async () => {
    const to = new Map<number, number>();
    const from = new Set<number>();
    const simulation = await Simulation.start({
      onTarget: answer,
      client: { autoExpire: SECOND, remote: { host: SERVER, minPort: 3000, maxPort: 3004 } },
      server: { listen: { host: '', minPort: 3000, maxPort: 3004 } },
      tap: {
        sent(source: SocketAddress, target: SocketAddress) {
          if (source.address !== CLIENT || from.has(source.port)) return;
          from.add(source.port);
          to.set(target.port, (to.get(target.port) ?? 0) + 1);
        },
        arrived() {},
      },
    });
    for (let round = 0; round < 60; round++) {
      simulation.exchange(ANSWER, SECOND);
      simulation.world.clock.advanceBy(SECOND);
    }
    expect(from.size).toBe(60);
    expect([...to.keys()].sort()).toEqual([3000, 3001, 3002, 3003, 3004]);
    expect(Math.min(...to.values())).toBeGreaterThan(3);
    simulation.stop();
  });

  it('that cannot be made hold up nobody else', async () => {
    const simulation = await Simulation.start({
      onTarget: answer,
      client: { connections: 2, remote: { host: 'server.example', minPort: 29_900, maxPort: 29_900 } },
    });
    simulation.world.names.set('server.example', SERVER);
    simulation.exchange(ANSWER, SECOND);
    simulation.world.names.delete('server.example');
    simulation.client.stats().links[1]?.close();
    const waiting = simulation.connect(4);
    waiting.send(1000);
    // The first slot goes on while the second one tries again and again.
    simulation.exchange(ANSWER, SECOND);
    const other = simulation.connect(4);
    other.send(1000);
    simulation.exchange(ANSWER, SECOND);
    simulation.world.clock.advanceBy(4 * SECOND);
    expect(waiting).toMatchObject({ received: 0, closed: false });
    simulation.world.names.set('server.example', SERVER);
    simulation.run(() => waiting.received === ANSWER && other.received === ANSWER, 5 * SECOND);
    simulation.stop();
  });

  it('go to another address of the name when one does not answer, and stay there', async () => {
    const simulation = await Simulation.start({
      onTarget: answer,
      client: { remote: { host: 'server.example', minPort: 29_900, maxPort: 29_900 } },
    });
    simulation.world.names.set('server.example', `10.9.9.9 ${SERVER}`);
    const first = simulation.connect(4);
    first.send(1000);
    simulation.world.clock.advanceBy(4 * SECOND);
    const second = simulation.connect(4);
    second.send(1000);
    simulation.run(() => second.received === ANSWER, SECOND);
    // Nothing had left for an address that had not answered.
    expect(first).toMatchObject({ received: ANSWER, closed: false });
    simulation.stop();
  });

  it('go on to the next address of the name when nobody listens at the one that was to take over', async () => {
    const simulation = await Simulation.start({
      onTarget: answer,
      clientHost: (near) => toldOfRefusal(near, '10.9.9.9'),
      client: { remote: { host: 'server.example', minPort: 29_900, maxPort: 29_900 } },
    });
    simulation.world.names.set('server.example', `${SERVER} 10.9.9.9 10.0.0.4`);
    const spare = new TunnelServer({
      key: 'k',
      host: simulation.world.host('10.0.0.4'),
      listen: { host: '', minPort: 29_900, maxPort: 29_900 },
      target: { host: SERVER, port: 80 },
    });
    await spare.start();
    const first = simulation.connect(4);
    first.send(1000);
    simulation.run(() => first.received === ANSWER, SECOND);
    simulation.server.stop();
    simulation.world.clock.advanceBy(100);
    const second = simulation.connect(4);
    second.send(1000);
    // It is in the session that is silent, and ends with it as soon as another one answers.
    simulation.run(() => second.closed, 10 * SECOND);
    expect(second.error?.message).toContain('ECONNRESET');
    expect(simulation.client.stats().links.map(({ remoteLabel }) => remoteLabel)).toEqual(['10.0.0.4:29900']);
    simulation.exchange(ANSWER, SECOND);
    spare.stop();
    simulation.stop();
  });
});

it('ports that refuse are passed over, each once, up to a limit; then it is said, and a pause is made', async () => {
  const ports: number[] = [];
  const simulation = await Simulation.start({
    clientHost: (near) => toldOfRefusal(near, SERVER),
    client: { remote: { host: SERVER, minPort: 3000, maxPort: 3099 } },
  });
  simulation.client.on('session', (link) => ports.push(Number(link.remoteLabel.split(':')[1])));
  simulation.connect().send(10);
  simulation.world.clock.advanceBy(1500);
  expect(ports).toHaveLength(17);
  expect(new Set(ports).size).toBe(17);
  const said = (pattern: RegExp): number => simulation.clientLines.lines.filter((line) => pattern.test(line)).length;
  expect(said(/ended: nobody listens there$/)).toBe(16);
  expect(said(/nobody listens there, says the network \(ICMP\)/)).toBe(1);
  // As after any silence.
  simulation.world.clock.advanceBy(60 * SECOND);
  expect(ports.length).toBeGreaterThan(17);
  expect(said(/nothing comes back/)).toBe(0);
  simulation.stop();
});

it('a refusal that comes while packets are being sent has the next address tried', async () => {
  const simulation = await Simulation.start({
    onTarget: answer,
    clientHost: (near) => toldOfRefusal(near, '10.9.9.9'),
    client: { remote: { host: 'server.example', minPort: 29_900, maxPort: 29_900 }, session: { sndWnd: 1024 } },
  });
  simulation.world.names.set('server.example', `10.9.9.9 ${SERVER}`);
  const app = simulation.connect(4);
  app.send(200_000);
  simulation.run(() => simulation.targets[0]?.received === 200_000 && app.received === ANSWER, 5 * SECOND);
  expect(simulation.targets[0]).toMatchObject({ received: 200_000, wrong: -1 });
  expect(app).toMatchObject({ wrong: -1, closed: false });
  simulation.stop();
});

describe('a stop', () => {
  it('with full windows is told to the other end in time', async () => {
    const simulation = await Simulation.start({
      link: (link) => link.setDelay(20).setRate(2_000_000, 200_000),
      shared: { session: { sndWnd: 64 } },
    });
    const app = simulation.connect();
    app.send(20_000_000);
    simulation.world.clock.advanceBy(2 * SECOND);
    const target = simulation.targets[0] as Party;
    expect(target.closed).toBe(false);
    const drained = simulation.client.drain(100);
    for (let round = 0; round < 100; round++) {
      simulation.world.clock.advanceBy(10);
      await Promise.resolve();
    }
    expect(await drained).toBe(false);
    // A reset, not an end: what the target has is not all.
    expect(target).toMatchObject({ closed: true, ended: false, wrong: -1 });
    expect(target.error?.message).toContain('ECONNRESET');
    expect(target.received).toBeLessThan(20_000_000);
    simulation.stop();
  });
});

describe('the end of a direction', () => {
  it.each([
    [undefined, undefined],
    [{ count: 61 }, undefined],
    [{ count: 7, generation: 'a' as const }, 0],
    [{ count: 7, generation: 'b' as const }, 700],
  ])(
    'qpp %j, closeWait %s: whoever ends first still gets all that comes, 8 of 8',
    async (qpp, closeWait) => {
      const wait = closeWait ?? 0;
      const simulation = await Simulation.start({
        shared: { ...(qpp === undefined ? {} : { qpp }), ...(closeWait === undefined ? {} : { closeWait }) },
        onTarget: (party) => {
          party.onEnd = () => {
            party.ended = true;
            party.send(60_000, 4);
            party.connection.end();
          };
        },
      });
      for (let round = 0; round < 8; round++) {
        const started = simulation.world.clock.now;
        const app = simulation.connect(4);
        app.send(5000);
        app.connection.end();
        simulation.run(() => app.closed, 30 * SECOND);
        expect(app).toMatchObject({ received: 60_000, wrong: -1, ended: true, error: undefined });
        expect(simulation.targets.at(-1)).toMatchObject({ received: 5000, wrong: -1, ended: true });
        // Each of the two ends waits at both ends of the tunnel.
        expect(simulation.world.clock.now - started).toBeGreaterThanOrEqual(4 * wait);
        if (wait === 0) expect(simulation.world.clock.now - started).toBeLessThan(2 * SECOND);
      }
      simulation.stop();
    },
    20_000,
  );

  it('does not wait when it is a reset', async () => {
    const simulation = await Simulation.start({ shared: { closeWait: 3600 * SECOND } });
    const app = simulation.connect();
    app.send(1000);
    simulation.run(() => simulation.targets[0]?.received === 1000, SECOND);
    app.connection.destroy(true);
    simulation.run(() => simulation.targets[0]?.closed === true, SECOND);
    expect(simulation.targets[0]?.error?.message).toContain('ECONNRESET');
    simulation.stop();
  });
});
