// The one place where the backend of datagram sockets is chosen: batches by system calls on Linux (x64 and arm64, glibc and musl) where koffi
// is installed and a test passes, node:dgram everywhere else. KCPTUN_NO_NATIVE=1 switches the former off.

import { endianness } from 'node:os';
import { isMainThread } from 'node:worker_threads';
import type { KernelMemory } from '@kcptun/common';
import { koffiPackage } from '@kcptun/crypt/node';
import type { DatagramEvents, DatagramOptions, DatagramSocket } from '../host.ts';
import { DgramSocket } from './datagram-socket.ts';
import { SystemCalls } from './native/ffi.ts';
import { ReceiveTable, SendTable } from './native/message-table.ts';
import { type NativeShared, NativeSocket } from './native/native-socket.ts';
import { nativeWorks } from './native/self-test.ts';
import type { ReceiveQueue } from './receive-queue.ts';

/** How datagram sockets are opened here. */
export interface DatagramBackend {
  /** Why the native backend is not in use; `undefined` when it is. */
  readonly obstacle: string | undefined;
  /** Opens a socket as {@link DatagramOptions} say; calls back once, later. */
  open(
    options: DatagramOptions,
    events: DatagramEvents,
    callback: (error: Error | undefined, socket: DatagramSocket | undefined) => void,
  ): void;
}

/**
 * Chooses.
 * @param memory - packets and received bytes go there
 * @param native - whether the native backend may be used
 */
export function selectDatagram(memory: KernelMemory, queue: ReceiveQueue, native: boolean): DatagramBackend {
  const shared = native ? prepare(memory, queue) : 'switched off';
  if (typeof shared === 'string') {
    return { obstacle: shared, open: (options, events, callback) => DgramSocket.open(options, events, memory, queue, callback) };
  }
  return {
    obstacle: undefined,
    open: (options, events, callback) => {
      let socket: NativeSocket | undefined;
      let failure: Error | undefined;
      try {
        socket = NativeSocket.open(options, events, shared);
      } catch (error) {
        failure = error as Error;
      }
      queueMicrotask(() => callback(failure, socket));
    },
  };
}

let systemCalls: SystemCalls | undefined;

/** What native sockets need, or why they cannot be had. */
function prepare(memory: KernelMemory, queue: ReceiveQueue): NativeShared | string {
  if (process.platform !== 'linux') return `system is ${process.platform}`;
  if ((process.arch !== 'x64' && process.arch !== 'arm64') || endianness() !== 'LE') return `processor is ${process.arch}`;
  // A thread may be ended at any time, which would leave its descriptors behind.
  if (!isMainThread) return 'not the main thread';
  try {
    systemCalls ??= new SystemCalls();
    const calls = systemCalls;
    const shared: NativeShared = { calls, sending: new SendTable(calls), receiving: new ReceiveTable(calls, memory), memory, queue };
    return nativeWorks(shared) ? shared : 'self-test failed';
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return code === 'MODULE_NOT_FOUND' ? `${koffiPackage()} is not installed` : (message.split('\n')[0] ?? message);
  }
}
