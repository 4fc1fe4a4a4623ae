// The Host that Node is: performance.now, timers, the kernel's randomness, DNS, sockets. All backends are chosen here.

import dns from 'node:dns';
import { isIP } from 'node:net';
import { Arena } from '@kcptun/common';
import { createNodePacketCrypt, fillRandom } from '@kcptun/crypt/node';
import { ConnectionBudget } from '../connection-budget.ts';
import { TransportError } from '../errors.ts';
import type { Host, SocketAddress } from '../host.ts';
import { connectBytes, listenBytes } from './byte-connection.ts';
import { type FakeTcpBackend, selectFakeTcp } from './fake-tcp/select-fake-tcp.ts';
import { openFilesLimit } from './open-files.ts';
import { ReceiveQueue } from './receive-queue.ts';
import { type DatagramBackend, selectDatagram } from './select-datagram.ts';

/** Options of {@link createNodeHost}. */
export interface NodeHostOptions {
  /** Size of the memory for packet batches and kernels in bytes (default 16 MiB; pages that are not used cost nothing). */
  readonly arenaBytes?: number;
  /** Whether WASM kernels may run; default yes unless the environment says KCPTUN_NO_WASM=1. */
  readonly wasm?: boolean;
  /** Whether native code may do datagrams; default yes unless the environment says KCPTUN_NO_NATIVE=1. */
  readonly native?: boolean;
}

/** Makes the Host of this process. */
export function createNodeHost(options: NodeHostOptions = {}): Host {
  const memory = new Arena({
    byteLength: options.arenaBytes ?? 16 * 1024 * 1024,
    wasm: options.wasm ?? process.env['KCPTUN_NO_WASM'] !== '1',
  });
  const queue = new ReceiveQueue();
  // Chosen when the first socket is wanted: loading native code takes longer than anything else at start.
  let backend: DatagramBackend | undefined;
  const native = options.native ?? process.env['KCPTUN_NO_NATIVE'] !== '1';
  const datagrams = (): DatagramBackend => {
    backend ??= selectDatagram(memory, queue, native);
    return backend;
  };
  let fakeTcp: FakeTcpBackend | undefined;
  const now = (): number => performance.now();
  const segments = (): FakeTcpBackend => {
    fakeTcp ??= selectFakeTcp(memory, queue, now, { platform: process.platform, arch: process.arch, native });
    return fakeTcp;
  };
  return {
    now,
    wallTime: () => Date.now(),
    setTimer: (delay, callback) => queue.setTimer(delay, callback),
    defer: (callback) => {
      setImmediate(callback);
    },
    random: fillRandom,
    memory,
    connectionBudget: processBudget(),
    get datagramBackend() {
      const { obstacle } = datagrams();
      return obstacle === undefined ? 'native' : `dgram (native: ${obstacle})`;
    },
    createCrypt: (method, key) => createNodePacketCrypt({ method, key, memory }),
    resolve: resolveAddress,
    checkFakeTcp: () => segments().obstacle,
    openDatagram: (datagram, events, callback) => (datagram.fakeTcp === true ? segments() : datagrams()).open(datagram, events, callback),
    connect: connectBytes,
    listen: listenBytes,
  };
}

let budget: ConnectionBudget | undefined;

/** The descriptors are those of the process, whatever hosts it makes. */
function processBudget(): ConnectionBudget {
  budget ??= new ConnectionBudget(openFilesLimit());
  return budget;
}

function resolveAddress(
  name: string,
  port: number,
  callback: (error: Error | undefined, addresses: readonly SocketAddress[] | undefined) => void,
): void {
  const literal = isIP(name);
  if (literal !== 0) {
    callback(undefined, [{ address: name, port, family: literal === 6 ? 6 : 4 }]);
    return;
  }
  dns.lookup(name, { all: true }, (cause, found) => {
    if (cause !== null) {
      callback(new TransportError('KCPTUN_ERR_TRANSPORT_RESOLVE', `lookup ${name}: ${cause.code ?? cause.message}`, { cause }), undefined);
    } else {
      callback(
        undefined,
        found.map(({ address, family }) => ({ address, port, family: family === 6 ? 6 : 4 })),
      );
    }
  });
}
