// Whether fake TCP can be had here, and the opening of its sockets: Linux, koffi, the right to raw sockets, and iptables.

import { constants, endianness } from 'node:os';
import { isMainThread } from 'node:worker_threads';
import type { KernelMemory } from '@kcptun/common';
import { koffiPackage } from '@kcptun/crypt/node';
import { formatAddress } from '../../address.ts';
import { TransportError } from '../../errors.ts';
import type { DatagramEvents, DatagramOptions, DatagramSocket, SocketAddress } from '../../host.ts';
import { SOCK_RAW, SystemCalls } from '../native/ffi.ts';
import { ReceiveTable } from '../native/message-table.ts';
import { AF_INET, decodeSocketAddress } from '../native/socket-address.ts';
import { systemError } from '../native/socket-options.ts';
import type { ReceiveQueue } from '../receive-queue.ts';
import { type FakeTcpShared, FakeTcpSocket } from './fake-tcp-socket.ts';
import { dropKernelSegments, type FirewallRule, sweepRules } from './firewall.ts';
import { beginConnect, closeKernel, connectResult, type FailedCall, listenKernel, nameOf, prepareKernel } from './kernel-tcp.ts';
import { RawPort } from './raw-port.ts';
import { IPPROTO_TCP } from './segment.ts';
import { SegmentTable } from './segment-table.ts';

const { EAFNOSUPPORT, EADDRNOTAVAIL, EPERM, ETIMEDOUT } = constants.errno;

/** How long the handshake of a client may take in ms. */
const CONNECT_TIMEOUT = 10_000;

type Callback = (error: Error | undefined, socket: DatagramSocket | undefined) => void;

/** How fake TCP sockets are opened here. */
export interface FakeTcpBackend {
  /** Why there are none; `undefined` when there are. */
  readonly obstacle: string | undefined;
  /** Opens a socket as {@link DatagramOptions} say; calls back once, later. */
  open(options: DatagramOptions, events: DatagramEvents, callback: Callback): void;
}

/** The system as far as it decides whether fake TCP can be had. */
export interface FakeTcpSystem {
  readonly platform: NodeJS.Platform;
  readonly arch: string;
  /** Whether native code may be used at all. */
  readonly native: boolean;
}

/**
 * Finds out. Removes the firewall rules that killed processes have left behind.
 * @param now - the time of the host in ms
 */
export function selectFakeTcp(memory: KernelMemory, queue: ReceiveQueue, now: () => number, system: FakeTcpSystem): FakeTcpBackend {
  const shared = prepare(memory, queue, now, system);
  if (typeof shared === 'string') {
    const refuse = (_options: DatagramOptions, _events: DatagramEvents, callback: Callback): void =>
      queueMicrotask(() => callback(new TransportError('KCPTUN_ERR_TRANSPORT_BIND', `fake TCP ${shared}`), undefined));
    return { obstacle: shared, open: refuse };
  }
  return {
    obstacle: undefined,
    open: (options, events, callback) => {
      if (options.remote === undefined) openServer(options, events, shared, callback);
      else openClient(options, options.remote, events, shared, callback);
    },
  };
}

function prepare(memory: KernelMemory, queue: ReceiveQueue, now: () => number, system: FakeTcpSystem): FakeTcpShared | string {
  if (system.platform !== 'linux') return `works on Linux only; this is ${system.platform}`;
  if ((system.arch !== 'x64' && system.arch !== 'arm64') || endianness() !== 'LE') return `needs x64 or arm64; this is ${system.arch}`;
  if (!system.native) return 'needs native code, which is switched off (KCPTUN_NO_NATIVE)';
  if (!isMainThread) return 'works in the main thread only';
  try {
    const calls = new SystemCalls();
    const probe = calls.socket(AF_INET, SOCK_RAW, IPPROTO_TCP);
    if (probe === -EPERM) return 'needs root (CAP_NET_RAW for raw sockets, CAP_NET_ADMIN for iptables)';
    if (probe < 0) return `needs raw sockets: ${systemError('socket', -probe).message}`;
    calls.close(probe);
    const noRules = sweepRules(4);
    if (noRules !== undefined) return `needs iptables: ${noRules}`;
    sweepRules(6);
    return { calls, sending: new SegmentTable(calls), receiving: new ReceiveTable(calls, memory), memory, queue, now };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return code === 'MODULE_NOT_FOUND' ? `needs ${koffiPackage()}, which is not installed` : `needs native code: ${message.split('\n')[0]}`;
  }
}

/** Listens on the port in each family, IPv6 only where the system has it. */
function openServer(options: DatagramOptions, events: DatagramEvents, shared: FakeTcpShared, callback: Callback): void {
  const { host } = options;
  const families: (4 | 6)[] = host === '' ? [4, 6] : [host.includes(':') ? 6 : 4];
  const ports: RawPort[] = [];
  const notes: string[] = [];
  let { port } = options;
  let local: SocketAddress | undefined;
  // IPv6 last: its wildcard stands for both families.
  for (const family of families) {
    const address = host === '' ? (family === 4 ? '0.0.0.0' : '::') : host;
    const opened = openListener(options, { address, port, family }, shared);
    if (!('call' in opened)) {
      ports.push(opened.raw);
      ({ port } = opened.local);
      ({ local } = opened);
    } else if (ports.length === 0 || (opened.result !== -EAFNOSUPPORT && opened.result !== -EADDRNOTAVAIL)) {
      for (const each of ports) each.close();
      fail(callback, opened, formatAddress(host, options.port));
      return;
    }
  }
  const rules: FirewallRule[] = [];
  const match = ['--sport', String(port)];
  const install = (index: number): void => {
    const raw = ports[index];
    if (raw === undefined) {
      callback(undefined, new FakeTcpSocket({ local: local as SocketAddress, ports, rules, notes }, events, shared));
      return;
    }
    rules.push(
      dropKernelSegments(raw.family, match, (error) => {
        if (error === undefined) {
          install(index + 1);
        } else if (index > 0) {
          // Without rules for IPv6 there is no fake TCP over IPv6; IPv4 goes on.
          notes.push(`fake TCP for IPv4 only: ${error.message}`);
          for (const each of ports.splice(index)) each.close();
          install(index);
        } else {
          for (const each of ports) each.close();
          callback(new TransportError('KCPTUN_ERR_TRANSPORT_BIND', `fake TCP needs a firewall rule: ${error.message}`), undefined);
        }
      }),
    );
  };
  install(0);
}

function openListener(
  options: DatagramOptions,
  wanted: SocketAddress,
  { calls }: FakeTcpShared,
): { readonly raw: RawPort; readonly local: SocketAddress } | FailedCall {
  const listener = listenKernel(calls, wanted);
  if (typeof listener !== 'number') return listener;
  const name = nameOf(calls, listener, 'local');
  const local = name === undefined ? wanted : decodeSocketAddress(name, 0);
  const raw = RawPort.open(calls, options, local, undefined, listener);
  if ('call' in raw) calls.close(listener);
  return 'call' in raw ? raw : { raw, local };
}

/** Connects, has the kernel's segments dropped, and makes a socket of it. */
function openClient(
  options: DatagramOptions,
  remote: SocketAddress,
  events: DatagramEvents,
  shared: FakeTcpShared,
  callback: Callback,
): void {
  const { calls, queue } = shared;
  const { family } = remote;
  const where = formatAddress(remote.address, remote.port);
  const fd = prepareKernel(calls, family);
  if (typeof fd !== 'number') {
    fail(callback, fd, where);
    return;
  }
  const bound = nameOf(calls, fd, 'local');
  const anyAddress = family === 4 ? '0.0.0.0' : '::';
  // The raw socket is there before the handshake: the answer to the first segment tells where the numbers begin.
  const raw = RawPort.open(
    calls,
    options,
    { address: anyAddress, port: bound === undefined ? 0 : decodeSocketAddress(bound, 0).port, family },
    remote,
    -1,
  );
  if ('call' in raw) {
    calls.close(fd);
    fail(callback, raw, where);
    return;
  }
  const giveUp = (result: number): void => {
    calls.close(fd);
    raw.close();
    fail(callback, { call: 'connect', result }, where);
  };
  const begun = beginConnect(calls, fd, remote);
  if (begun < 0) {
    giveUp(begun);
    return;
  }
  let settled = false;
  const settle = (): boolean => {
    if (settled) return false;
    settled = true;
    timer.cancel();
    watch.close();
    return true;
  };
  const timer = queue.setTimer(CONNECT_TIMEOUT, () => {
    if (settle()) giveUp(-ETIMEDOUT);
  });
  const connected = (): void => {
    if (!settle()) return;
    const result = connectResult(calls, fd);
    const name = result < 0 ? undefined : nameOf(calls, fd, 'local');
    if (name === undefined) {
      giveUp(result < 0 ? result : -ETIMEDOUT);
      return;
    }
    const local = decodeSocketAddress(name, 0);
    const match = ['-s', local.address, '--sport', String(local.port), '-d', remote.address, '--dport', String(remote.port)];
    const rule = dropKernelSegments(family, match.map(withoutZone), (error) => {
      if (error !== undefined) {
        closeKernel(calls, fd, family);
        raw.close();
        callback(new TransportError('KCPTUN_ERR_TRANSPORT_BIND', `fake TCP needs a firewall rule: ${error.message}`), undefined);
        return;
      }
      const socket = new FakeTcpSocket({ local, ports: [raw], rules: [rule], notes: [] }, events, shared);
      if (socket.adopt(fd, family) === undefined) {
        socket.close();
        callback(new TransportError('KCPTUN_ERR_TRANSPORT_BIND', `fake TCP: ${where} has closed the connection`), undefined);
      } else {
        callback(undefined, socket);
      }
    });
  };
  const watch = calls.watch(fd, () => setImmediate(connected), true);
}

/** Link-local addresses have a zone, which iptables does not know. */
function withoutZone(word: string): string {
  return word.replace(/%.*$/, '');
}

function fail(callback: Callback, { call, result }: FailedCall, where: string): void {
  const cause = systemError(call, -result);
  const error = new TransportError('KCPTUN_ERR_TRANSPORT_BIND', `fake TCP: ${cause.message} ${where}`, { cause });
  queueMicrotask(() => callback(error, undefined));
}
