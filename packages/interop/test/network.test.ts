// What only shows on a network: fake TCP and marks, between two namespaces with firewalls of their own. Our programs with each other, and our
// client with the Go server, whose own client carries no data over --tcp.

import { join } from 'node:path';
import type { CapturedPacket, CapturedSegment, End } from '@kcptun/interop';
import { transfer } from '@kcptun/testkit/node';
import { expect, test } from 'vitest';
import { launch, PORT, programs, remoteOf, startFar, startNear, suite } from './machines.ts';

const SIZE = 1024 * 1024;

type Segment = CapturedPacket & { readonly tcp: CapturedSegment };

/** The segments with data of one direction, by connection. */
function dataOf(packets: readonly CapturedPacket[], towards: End): Map<string, Segment[]> {
  const flows = new Map<string, Segment[]>();
  for (const packet of packets) {
    if (packet.tcp === undefined || packet.length === 0) continue;
    if ((packet.destinationPort >= PORT && packet.destinationPort < PORT + 10) !== (towards === 'far')) continue;
    const key = `${packet.sourcePort} ${packet.destinationPort}`;
    flows.set(key, [...(flows.get(key) ?? []), packet as Segment]);
  }
  return flows;
}

/** Checks that a direction looks like TCP, with sequence numbers that grow without a gap. */
function expectWellFormed(packets: readonly CapturedPacket[], towards: End, least: number): void {
  const flows = dataOf(packets, towards);
  expect(flows.size).toBeGreaterThan(0);
  for (const [key, segments] of flows) {
    const [sourcePort, destinationPort] = key.split(' ').map(Number);
    const opening = packets.find(
      (each) => each.tcp?.flags.includes('S') && each.sourcePort === sourcePort && each.destinationPort === destinationPort,
    );
    let next = ((opening?.tcp?.seq ?? 0) + 1) >>> 0;
    let [ack, timestamp, bytes] = [segments[0]?.tcp.ack ?? 0, 0, 0];
    for (const { tcp, length } of segments) {
      // One comparison for all: there are thousands.
      const seen = [tcp.flags, tcp.header, tcp.window, tcp.options.slice(0, 8), tcp.checksumValid, tcp.seq];
      expect(seen).toEqual(['P.', 32, 65_535, '0101080a', true, next]);
      next = (next + length) >>> 0;
      bytes += length;
      expect((tcp.ack - ack) | 0).toBeGreaterThanOrEqual(0);
      ack = tcp.ack;
      const value = Number(`0x${tcp.options.slice(8, 16)}`);
      if (timestamp !== 0) expect((value - timestamp) | 0).toBeGreaterThanOrEqual(0);
      timestamp = value;
    }
    expect(bytes).toBeGreaterThan(least);
  }
}

/** Checks that nothing but the handshake and data was on the cable. */
function expectOnlyHandshakesAndData(packets: readonly CapturedPacket[]): void {
  const counts = new Map<string, number>();
  for (const { tcp, length } of packets) {
    const kind = `${tcp?.flags}${length > 0 ? ' data' : ''}`;
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  expect([...counts.keys()].sort()).toEqual(['.', 'P. data', 'S', 'S.']);
  expect(counts.get('.')).toBe(counts.get('S'));
}

suite('fake TCP', [], () => {
  test.each([4, 6] as const)('carries both directions between two of ours, IPv%i; the capture is well-formed TCP', async (family) => {
    const world = await startFar('ours', ['--tcp', '--nocomp']);
    const { pair, path, server } = world;
    expect(server.output).toMatch(/Listening on: \[::\]:4000\/tcp/);
    const end = await pair.capture('near', `tcp port ${PORT}`);
    const client = await startNear(world, remoteOf(pair, family, String(PORT)), ['--tcp', '--nocomp', '--dscp', '10']);
    await client.during(transfer({ path, port: 0, upload: SIZE, download: SIZE, order: 'at-once' }));
    await client.during(transfer({ path, port: 0, upload: 1, download: 1, order: 'after-eof' }));
    const packets = await end();
    expectOnlyHandshakesAndData(packets);
    expectWellFormed(packets, 'far', SIZE);
    expectWellFormed(packets, 'near', SIZE);
    expect(new Set(packets.map((packet) => packet.family))).toEqual(new Set([family]));
    expect(new Set([...dataOf(packets, 'far').values()].flat().map(({ mark }) => mark))).toEqual(new Set([10 << 2]));
  });

  test('carries both directions over a path that loses 5 %', async () => {
    const world = await startFar('ours', ['--tcp']);
    world.pair.lose(0.05);
    const end = await world.pair.capture('near', `tcp and dst port ${PORT}`);
    const client = await startNear(world, remoteOf(world.pair, 4, String(PORT)), ['--tcp']);
    await client.during(transfer({ path: world.path, port: 0, upload: SIZE, download: SIZE, order: 'at-once' }));
    expectWellFormed(await end(), 'far', SIZE / 4);
  });

  test('listens on each port of a range, beside UDP', async () => {
    const world = await startFar('ours', ['--tcp'], `:${PORT}-${PORT + 2}`);
    for (const port of [PORT, PORT + 1, PORT + 2]) expect(world.server.output).toMatch(new RegExp(`Listening on: \\[::\\]:${port}/tcp`));
    const range = remoteOf(world.pair, 4, `${PORT}-${PORT + 2}`);
    const end = await world.pair.capture('near', 'tcp');
    const client = await startNear(world, range, ['--tcp', '--conn', '12']);
    for (let round = 0; round < 12; round++) {
      await client.during(transfer({ path: world.path, port: 0, upload: 1000, download: 1000, seed: round }));
    }
    const ports = [...dataOf(await end(), 'far').keys()].map((key) => key.split(' ')[1]);
    expect(ports).toHaveLength(12);
    expect(new Set(ports).size).toBeGreaterThan(1);
    // UDP on the same port, by another client.
    const path = join(world.pair.folder, 'second');
    const second = await startNear({ ...world, path }, range, []);
    await second.during(transfer({ path, port: 0, upload: 1000, download: 1000 }));
  });

  test('goes on while strangers connect, send garbage and hang up', async () => {
    const world = await startFar('ours', ['--tcp']);
    const client = await startNear(world, remoteOf(world.pair, 4, String(PORT)), ['--tcp']);
    const script = `
      const net = require('node:net');
      let open = 0;
      const connect = (round) => {
        const socket = net.connect(${PORT}, '10.9.0.2', () => {
          open += 1;
          socket.write(require('node:crypto').randomBytes(1 + (round * 37) % 3000));
          setTimeout(() => (round % 2 ? socket.destroy() : socket.resetAndDestroy()), 5);
        });
        socket.on('error', () => {});
        socket.on('close', () => { if (open < 600) connect(open); else if (open < 1e6) { open = 1e6; console.log('enough'); } });
      };
      for (let lane = 0; lane < 20; lane++) connect(lane);
    `;
    const strangers = world.pair.start('near', [process.execPath, '-e', script]);
    for (let round = 0; round < 3; round++) {
      await client.during(transfer({ path: world.path, port: 0, upload: SIZE, download: SIZE, seed: round }));
    }
    await strangers.waitFor(/enough/);
    await world.server.during(transfer({ path: world.path, port: 0, upload: 1000, download: 1000 }));
    expect(world.target.stats.answered).toBe(4);
  });

  test('has firewall rules while it runs, and none afterwards', async () => {
    const world = await startFar('ours', ['--tcp']);
    const { pair, path } = world;
    expect(pair.rules('near')).toEqual([]);
    const client = await startNear(world, remoteOf(pair, 4, String(PORT)), ['--tcp']);
    await client.during(transfer({ path, port: 0, upload: 1000, download: 1000 }));
    const [near, ...more] = pair.rules('near');
    expect(near).toMatch(
      new RegExp(
        `^-A OUTPUT -s 10.9.0.1/32 -d 10.9.0.2/32 -p tcp -m ttl --ttl-eq 1 .*--dport ${PORT} .*kcptun-node:${client.pid}:.* -j DROP$`,
      ),
    );
    expect(more).toEqual([]);
    expect(pair.rules('far').map((rule) => rule.replace(/-m comment.*-j/, '-j'))).toEqual([
      `-A OUTPUT -p tcp -m ttl --ttl-eq 1 -m tcp --sport ${PORT} -j DROP`,
      `-A OUTPUT -p tcp -m hl --hl-eq 1 -m tcp --sport ${PORT} -j DROP`,
    ]);
    client.signal('SIGTERM');
    world.server.signal('SIGINT');
    await Promise.all([client.exited, world.server.exited]);
    expect([...pair.rules('near'), ...pair.rules('far')]).toEqual([]);
  });

  test('removes at its start the rules that a killed one has left, and no others', async () => {
    const world = await startFar('ours', ['--tcp']);
    const { pair } = world;
    pair.run('far', 'iptables', '-A', 'OUTPUT', '-p', 'tcp', '--sport', '9', '-m', 'comment', '--comment', 'not ours', '-j', 'DROP');
    const remote = remoteOf(pair, 4, String(PORT));
    const client = await startNear(world, remote, ['--tcp']);
    await client.during(transfer({ path: world.path, port: 0, upload: 1000, download: 1000 }));
    for (const program of [client, world.server]) program.signal('SIGKILL');
    await Promise.all([client.exited, world.server.exited]);
    expect(pair.rules('near')).toHaveLength(1);
    expect(pair.rules('far')).toHaveLength(3);

    // The next server cleans up, and one beside it leaves the rules of the living alone.
    const flags = ['--target', join(pair.folder, 'target'), '--tcp'];
    const next = launch(pair, 'ours', 'server', ['--listen', `:${PORT}`, ...flags]);
    await next.waitFor(/Listening on: .*\/udp/);
    const beside = launch(pair, 'ours', 'server', ['--listen', `:${PORT + 1}`, ...flags]);
    await beside.waitFor(/Listening on: .*\/udp/);
    const owners = pair.rules('far').map((rule) => /kcptun-node:(\d+):|not ours/.exec(rule)?.[1]);
    expect(owners.sort()).toEqual([String(next.pid), String(next.pid), String(beside.pid), String(beside.pid), undefined].sort());
    const path = join(pair.folder, 'again');
    const again = await startNear({ ...world, path }, remote, ['--tcp']);
    await again.during(transfer({ path, port: 0, upload: 1000, download: 1000 }));
    expect(pair.rules('near')).toEqual([expect.stringContaining(`kcptun-node:${again.pid}:`)]);
  });

  test('a client without the right to it says so in one line and ends; a server serves UDP', async () => {
    const { pair, target } = await startFar('ours', []);
    const unprivileged = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--bounding-set=-all', '--inh-caps=-all'];
    const client = pair.start('near', [
      ...unprivileged,
      ...programs.command('ours', 'client'),
      '-l',
      '127.0.0.1:5000',
      '-r',
      '10.9.0.2:4000',
      '--tcp',
      '--key',
      'k',
    ]);
    expect(await client.exited).toEqual({ code: 1, signal: null });
    const needs = '--tcp needs root (CAP_NET_RAW for raw sockets, CAP_NET_ADMIN for iptables)';
    expect(client.output.split('\n').filter((line) => line.includes('--tcp'))).toEqual([expect.stringContaining(needs)]);
    expect(client.output).not.toMatch(/\bat .*\.js/);

    const server = pair.start('far', [
      ...unprivileged,
      ...programs.command('ours', 'server'),
      '-l',
      ':4001',
      '-t',
      '/x',
      '--tcp',
      '--key',
      'k',
    ]);
    await server.waitFor(/Listening on: .*:4001\/udp/);
    expect(server.output.split('\n').filter((line) => line.includes('--tcp'))).toEqual([
      expect.stringContaining(`${needs}; serving UDP only`),
    ]);
    expect(server.output).not.toMatch(/\/tcp$/m);
    expect(target.stats.connections).toBe(0);
  });
});

suite('fake TCP with the Go server', [programs.goMissing], () => {
  test.each([
    [4, 0],
    [6, 0],
    [4, 0.05],
  ] as const)('our client, IPv%i, loss %f', async (family, loss) => {
    const world = await startFar('new', ['--tcp']);
    const { pair, path } = world;
    if (loss > 0) pair.lose(loss);
    const end = await pair.capture('near', `tcp port ${PORT}`);
    const client = await startNear(world, remoteOf(pair, family, String(PORT)), ['--tcp']);
    await client.during(transfer({ path, port: 0, upload: SIZE, download: SIZE }));
    const packets = await end();
    expect(packets.filter(({ tcp }) => tcp?.flags.includes('R'))).toEqual([]);
    expectWellFormed(packets, 'far', SIZE / 4);
  });
});

suite('--dscp on the network', [], () => {
  test.each([4, 6] as const)('is in the packets of both ends, IPv%i', async (family) => {
    const world = await startFar('ours', ['--dscp', '46']);
    const { pair, path } = world;
    const end = await pair.capture('near', `udp port ${PORT}`);
    const client = await startNear(world, remoteOf(pair, family, String(PORT)), ['--dscp', '8']);
    await client.during(transfer({ path, port: 0, upload: 100_000, download: 100_000 }));
    const packets = await end();
    const marks = (towards: End) =>
      new Set(packets.filter((each) => (each.destinationPort === PORT) === (towards === 'far')).map(({ mark }) => mark));
    expect([marks('far'), marks('near')]).toEqual([new Set([8 << 2]), new Set([46 << 2])]);
  });
});
