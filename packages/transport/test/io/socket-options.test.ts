// --dscp and --sockbuf: what receivers and the kernel see of them.

import { readFileSync } from 'node:fs';
import { describe, expect, it, onTestFinished } from 'vitest';
import { MarkReceiver } from './marks.ts';
import { World } from './native-world.ts';

const { obstacle } = new World(process.env['KCPTUN_NO_NATIVE'] !== '1').backend;
const native = obstacle === undefined;

function receiver(family: 4 | 6): MarkReceiver {
  const made = new MarkReceiver(family);
  onTestFinished(() => made.close());
  return made;
}

function worldOf(backend: 'native' | 'dgram'): World {
  const world = new World(backend === 'native');
  onTestFinished(() => world.close());
  return world;
}

describe.runIf(native)('--dscp, seen by the receiver', () => {
  it.each([
    [4, '127.0.0.1', 46],
    [4, '127.0.0.1', 63],
    [6, '::1', 46],
    [6, '::1', 63],
    [4, '127.0.0.1', 0],
    [6, '::1', 0],
  ] as const)('IPv%i to %s, %i', async (family, address, dscp) => {
    const target = receiver(family);
    const client = await worldOf('native').open({ host: '', remote: { address, port: target.port, family }, dscp });
    // A train too: the mark is on each of its datagrams.
    client.sendSizes([700, 700, 700, 5], 0);
    expect(client.socket.notes).toEqual([]);
    for (const length of [700, 700, 700, 5]) expect(target.receive()).toEqual({ mark: dscp << 2, length });
  });

  it.each([4, 6] as const)('answers of a socket for both families, IPv%i', async (family) => {
    const address = family === 4 ? '127.0.0.1' : '::1';
    const world = worldOf('native');
    const server = await world.open({ host: '', dscp: 34 });
    const target = receiver(family);
    // A remote becomes a path by sending: the port of the receiver is borrowed for one datagram.
    const { port } = target;
    target.close();
    const first = await world.open({ host: address, port, remote: { address, port: server.socket.local.port, family } });
    first.sendSizes([1], 0);
    await server.received(1);
    first.socket.close();
    const again = new MarkReceiver(family, port);
    onTestFinished(() => again.close());
    server.sendSizes([33], 1);
    expect(again.receive()).toEqual({ mark: 34 << 2, length: 33 });
  });
});

describe('--dscp without the native backend', () => {
  it('says once that it is not set', async () => {
    const world = worldOf('dgram');
    expect((await world.open({ dscp: 46 })).socket.notes).toEqual([
      '--dscp 46 is not set on packets: Node has no call for it; the native backend has one (Linux, with koffi installed)',
    ]);
    expect((await world.open({ dscp: 0 })).socket.notes).toEqual([]);
  });
});

describe.runIf(process.platform === 'linux')('--sockbuf, as the kernel has it', () => {
  const limit = (side: 'r' | 'w'): number => Number(readFileSync(`/proc/sys/net/core/${side}mem_max`, 'utf8'));

  it('is granted below the limit, without a word', async () => {
    for (const backend of native ? (['native', 'dgram'] as const) : (['dgram'] as const)) {
      const { socket } = await worldOf(backend).open({ bufferSize: 150_000 });
      expect(socket.bufferSizes).toEqual({ receive: 300_000, send: 300_000 });
      expect(socket.notes).toEqual([]);
    }
  });

  it('is cut at the limit, and the line names the sysctl', async () => {
    const wanted = Math.max(limit('r'), limit('w')) + 1;
    const { socket } = await worldOf('dgram').open({ bufferSize: wanted });
    expect(socket.bufferSizes).toEqual({ receive: limit('r') * 2, send: limit('w') * 2 });
    expect(socket.notes).toEqual([
      `--sockbuf ${wanted}: the kernel grants ${limit('r')} to receive and ${limit('w')} to send; ` +
        `for more run: sysctl -w net.core.rmem_max=${wanted} net.core.wmem_max=${wanted}`,
    ]);
  });

  it.runIf(native && process.getuid?.() === 0 && mayForce())('goes beyond the limit for root', async () => {
    const wanted = Math.max(limit('r'), limit('w')) + 4096;
    const { socket } = await worldOf('native').open({ bufferSize: wanted });
    expect(socket.bufferSizes).toEqual({ receive: wanted * 2, send: wanted * 2 });
    expect(socket.notes).toEqual([]);
  });
});

/** Whether root here has CAP_NET_ADMIN (bit 12): containers take it away. */
function mayForce(): boolean {
  const match = /CapEff:\s*([0-9a-f]+)/.exec(readFileSync('/proc/self/status', 'utf8'));
  return match !== null && ((BigInt(`0x${match[1]}`) >> 12n) & 1n) === 1n;
}
