// What may go wrong with native sockets: exceptions of their owners, memory that is collected or grows, handles and descriptors that stay,
// a kernel that refuses segmentation or has no room. Refusals are the kernel's own where it can be brought to them.

import { readdirSync } from 'node:fs';
import { constants } from 'node:os';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Arena, BATCH_CAPACITY, type KernelMemory, PacketBatch } from '@kcptun/common';
import { patternBytes } from '@kcptun/testkit';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import type { DatagramEvents, DatagramSocket } from '../../src/host.ts';
import { SystemCalls } from '../../src/node/native/ffi.ts';
import { ReceiveTable, SendTable } from '../../src/node/native/message-table.ts';
import { NativeSocket } from '../../src/node/native/native-socket.ts';
import { nativeWorks } from '../../src/node/native/self-test.ts';
import { LIMIT_TIME } from '../../src/node/native/train-limits.ts';
import { ReceiveQueue } from '../../src/node/receive-queue.ts';
import { ROOMY, type Station, World } from './native-world.ts';

const { EAGAIN, EINTR, EIO, EMSGSIZE, ENETUNREACH, ENOBUFS } = constants.errno;
const { obstacle } = new World(process.env['KCPTUN_NO_NATIVE'] !== '1').backend;
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

interface UvHandle {
  readonly type: string;
  readonly is_active: boolean;
  readonly is_referenced: boolean;
}

/** libuv's poll handles in this process. */
function pollHandles(): UvHandle[] {
  const { libuv } = process.report.getReport() as unknown as { libuv: UvHandle[] };
  return libuv.filter(({ type }) => type === 'poll');
}

const descriptors = (): number => readdirSync('/proc/self/fd').length;

/** Opens a socket on system calls of the test's making. */
function openOn(calls: SystemCalls, world: World, remote: Station, onTrouble: (error: Error) => void): DatagramSocket {
  const { memory, queue } = world;
  const shared = { calls, sending: new SendTable(calls), receiving: new ReceiveTable(calls, memory), memory, queue };
  const events: DatagramEvents = { onBatch: () => {}, onTrouble };
  const { port } = remote.socket.local;
  return NativeSocket.open({ host: '', port: 0, remote: { address: '127.0.0.1', port, family: 4 } }, events, shared);
}

function numbered(memory: KernelMemory, count: number, size: number): PacketBatch {
  const batch = new PacketBatch(memory);
  for (let index = 0; index < count; index++) batch.addReceived(patternBytes(size, index), 0);
  return batch;
}

/** Datagrams of 900 bytes, each to a path. */
function batchTo(memory: KernelMemory, paths: readonly number[]): PacketBatch {
  const batch = new PacketBatch(memory);
  for (const path of paths) batch.addReceived(patternBytes(900, path), path);
  onTestFinished(() => batch.release());
  return batch;
}

/** The kernel's answers to sendmmsg are replaced as long as there are others in the list: an errno, negative, or a largest number of messages. */
class AnsweringCalls extends SystemCalls {
  answers: number[] = [];
  /** Messages that the kernel has taken. */
  sent = 0;

  override sendmmsg(fd: number, messages: number, count: number, flags: number): number {
    const answer = this.answers.shift();
    if (answer !== undefined && answer < 0) return answer;
    const result = super.sendmmsg(fd, messages, answer === undefined ? count : Math.min(count, answer), flags);
    if (result > 0) this.sent += result;
    return result;
  }
}

/** Sockets that do without checksums: Linux refuses to segment for those. */
class UncheckedCalls extends SystemCalls {
  override socket(domain: number): number {
    const fd = super.socket(domain);
    expect(this.setOption(fd, 1, 11, 1)).toBe(0);
    return fd;
  }
}

describe.skipIf(obstacle !== undefined)(
  `pitfalls of native sockets${obstacle === undefined ? '' : ` (NOT TESTED HERE: ${obstacle})`}`,
  () => {
    let world: World;
    let server: Station;
    beforeEach(async () => {
      world = new World(true);
      server = await world.open({ bufferSize: 1024 * 1024 });
    });
    afterEach(() => world.close());

    const wire = (): number[] => server.arrivals.map(({ bytes }) => bytes.length);

    it('goes on after an exception of its owner, which is an uncaught one', async () => {
      const client = await world.connect(server);
      const other = await world.open();
      const toOther = await world.connect(other);
      const listeners = process.rawListeners('uncaughtException');
      process.removeAllListeners('uncaughtException');
      const thrown: unknown[] = [];
      process.on('uncaughtException', (error) => thrown.push(error));
      try {
        for (let round = 1; round <= 3; round++) {
          server.onBatch = () => {
            server.onBatch = () => {};
            throw new Error(`round ${round}`);
          };
          client.sendSizes([100, 100], 0);
          toOther.sendSizes([50], round);
          await other.received(round);
          while (thrown.length < round) await turn();
          client.sendSizes([30], round);
          await server.received(round);
        }
      } finally {
        process.removeAllListeners('uncaughtException');
        for (const listener of listeners) process.on('uncaughtException', listener as (error: Error) => void);
      }
      expect(thrown.map((error) => (error as Error).message)).toEqual(['round 1', 'round 2', 'round 3']);
      expect(wire()).toEqual([30, 30, 30]);
    });

    it('keeps what the kernel is pointed at through garbage collection', async () => {
      setFlagsFromString('--expose-gc');
      const collect = runInNewContext('gc') as () => void;
      const client = await world.connect(server);
      server.onBatch = (batch) => {
        collect();
        server.socket.send(batch);
      };
      const litter: Uint8Array[] = [];
      for (let round = 0; round < 20; round++) {
        for (let index = 0; index < 200; index++) litter.push(new Uint8Array(8 + index * 16).fill(255));
        litter.length = 0;
        collect();
        client.sendSizes(Array(BATCH_CAPACITY).fill(1200), round * BATCH_CAPACITY);
        await client.received((round + 1) * BATCH_CAPACITY);
      }
      expect(client.arrivals.findIndex(({ bytes }, index) => Buffer.compare(bytes, patternBytes(1200, index)) !== 0)).toBe(-1);
      expect(server.socket.remote(server.arrivals[0]!.path)?.port).toBe(client.socket.local.port);
    });

    it('refuses memory that has grown and packets outside of it', () => {
      const calls = new SystemCalls();
      const memory = new WebAssembly.Memory({ initial: 32, maximum: 40 });
      const kernelMemory: KernelMemory = {
        bytes: new Uint8Array(memory.buffer),
        reserve: () => 0,
        release: () => {},
        instantiate: () => undefined,
      };
      const sending = new SendTable(calls);
      const receiving = new ReceiveTable(calls, kernelMemory);
      const batch = numbered(kernelMemory, 1, 100);
      const add = (): void => {
        sending.begin(batch.bytes);
        sending.add(batch, 0, 1, undefined, 0, 0, false);
      };
      add();
      for (const [offset, length] of [
        [-1, 10],
        [0, -1],
        [32 * 65_536 - 9, 10],
      ] as const) {
        batch.offset[0] = offset;
        batch.length[0] = length;
        expect(add).toThrow(RangeError);
      }
      batch.offset[0] = 0;
      batch.length[0] = 10;
      add();
      (memory as unknown as { grow(pages: number): void }).grow(1);
      expect(add).toThrow(RangeError);
      expect(() => receiving.receive(-1)).toThrow(RangeError);
    });

    it('leaves no handle, descriptor or memory behind', async () => {
      world.close();
      await turn();
      await turn();
      const before = [pollHandles().length, descriptors()];
      const { used } = world.memory;
      for (let round = 0; round < 20; round++) {
        const stations = await Promise.all(Array.from({ length: 100 }, () => world.open()));
        for (const { socket } of stations) socket.close();
        await turn();
      }
      await turn();
      expect([pollHandles().length, descriptors()]).toEqual(before);
      expect(world.memory.used).toBe(used);
    });

    it('keeps the process alive as long as it is open', async () => {
      const before = pollHandles().filter((handle) => handle.is_active && handle.is_referenced).length;
      const station = await world.open();
      expect(pollHandles().filter((handle) => handle.is_active && handle.is_referenced).length).toBe(before + 1);
      station.socket.close();
      expect(pollHandles().filter((handle) => handle.is_active && handle.is_referenced).length).toBe(before);
    });

    it('leaves nothing behind when a socket cannot be had', async () => {
      const before = [pollHandles().length, descriptors()];
      for (let round = 0; round < 50; round++) {
        await expect(world.open({ port: server.socket.local.port })).rejects.toMatchObject({ code: 'KCPTUN_ERR_TRANSPORT_BIND' });
      }
      expect([pollHandles().length, descriptors()]).toEqual(before);
    });

    it('sends one by one when the kernel refuses to segment, says so once, and tries again', async () => {
      const troubles: Error[] = [];
      const socket = openOn(new UncheckedCalls(), world, server, (error) => troubles.push(error));
      const start = performance.now();
      const clock = vi.spyOn(performance, 'now').mockReturnValue(start);
      onTestFinished(() => clock.mockRestore());
      expect(socket.backend).toBe('native (GSO, GRO)');
      const batch = numbered(world.memory, 10, 700);
      batch.length[0] = 900;
      for (let round = 0; round < 3; round++) {
        expect(socket.send(batch)).toBe(10);
        clock.mockReturnValue(start + round * LIMIT_TIME);
      }
      await server.received(30);
      socket.close();
      expect(wire()).toEqual(Array.from({ length: 3 }, () => [900, ...Array(9).fill(700)]).flat());
      const { port } = server.socket.local;
      expect(troubles.map(({ message }) => message)).toEqual([
        expect.stringMatching(
          new RegExp(`^send E[A-Z]+ to 127.0.0.1:${port}: segmentation offload is refused on this path; it gets them one by one for 60 s`),
        ),
      ]);
      expect(troubles[0]).toMatchObject({ code: 'KCPTUN_ERR_TRANSPORT_OFFLOAD', cause: { syscall: 'send' } });
    });

    it.each([
      [
        'the MTU of one path is too small',
        EMSGSIZE,
        1,
        /^send EMSGSIZE to [0-9.:]+: datagrams of 900 bytes are longer than the MTU of this path/,
      ],
      ['the device of one path cannot segment', EIO, 10, /^send EIO to [0-9.:]+: segmentation offload is refused on this path/],
    ])('keeps the trains of the others when %s, for a while', async (_, errno, short, said) => {
      const start = performance.now();
      const clock = vi.spyOn(performance, 'now').mockReturnValue(start);
      onTestFinished(() => clock.mockRestore());
      const calls = new AnsweringCalls();
      const troubles: string[] = [];
      const paths: number[] = [];
      const { memory, queue } = world;
      const shared = { calls, sending: new SendTable(calls), receiving: new ReceiveTable(calls, memory), memory, queue };
      const onBatch = (batch: PacketBatch): void => {
        paths.push(batch.path[0]!);
      };
      const socket = NativeSocket.open(
        { host: '127.0.0.1', port: 0 },
        { onBatch, onTrouble: ({ message }) => troubles.push(message) },
        shared,
      );
      onTestFinished(() => socket.close());
      for (const known of [1, 2]) {
        const client = await world.open({ ...ROOMY, host: '', remote: socket.local });
        client.sendSizes([1], 0);
        while (paths.length < known) await turn();
      }
      const [good, small] = paths as [number, number];
      /** Sends ten datagrams of a size; how many messages that took. */
      const messages = (path: number, size: number): number => {
        const batch = new PacketBatch(memory);
        for (let index = 0; index < 10; index++) batch.addReceived(patternBytes(size, index), path);
        calls.sent = 0;
        expect(socket.send(batch)).toBe(10);
        batch.release();
        return calls.sent;
      };
      expect(messages(good, 900)).toBe(1);
      // The first failure may be an old one; the second is about this train.
      calls.answers = [-errno, -errno];
      expect([messages(small, 900), calls.answers]).toEqual([10, []]);
      expect([messages(small, 900), messages(good, 900)]).toEqual([10, 1]);
      expect([messages(small, 899), messages(good, 899)]).toEqual([short, 1]);
      clock.mockReturnValue(start + LIMIT_TIME - 1);
      expect(messages(small, 900)).toBe(10);
      clock.mockReturnValue(start + LIMIT_TIME);
      expect(messages(small, 900)).toBe(1);
      expect(troubles).toEqual([expect.stringMatching(said)]);
      // A batch that begins with what has no address any more: the limit is that of the right path.
      socket.send(batchTo(memory, [999, ...Array(10).fill(good)]));
      calls.answers = [-errno, -errno];
      socket.send(batchTo(memory, [999, ...Array(10).fill(good)]));
      expect([messages(good, 900), messages(small, 900)]).toEqual([10, 1]);
      // Whoever gets the number next has a path of its own.
      calls.answers = [-errno, -errno];
      expect(messages(small, 900)).toBe(10);
      socket.forget(small);
      const next = await world.open({ ...ROOMY, host: '', remote: socket.local });
      next.sendSizes([1], 0);
      while (paths.length < 3) await turn();
      expect(paths[2]).toBe(small);
      expect(messages(small, 900)).toBe(1);
      expect(troubles).toHaveLength(1);
    });

    it.each([
      ['there is no room', [-EAGAIN], 0, []],
      ['the network has no buffers', [-ENOBUFS], 0, []],
      ['there is room for the first two', [2, -EAGAIN], 2, []],
      ['a signal comes', [-EINTR, 1, -EINTR], 4, []],
      ['an old error is reported first', [-EIO], 4, ['send EIO']],
      ['one cannot be sent', [1, -ENETUNREACH, -ENETUNREACH], 4, ['send ENETUNREACH']],
      ['the last cannot be sent', [3, -ENETUNREACH, -ENETUNREACH], 4, ['send ENETUNREACH']],
    ])('answers for what was taken when %s', async (_, answers, taken, said) => {
      const calls = new AnsweringCalls();
      const troubles: string[] = [];
      const socket = openOn(calls, world, server, ({ message }) => troubles.push(message));
      const batch = numbered(world.memory, 4, 0);
      // Growing sizes: each datagram is a message.
      for (let index = 0; index < 4; index++) batch.length[index] = 10 + index;
      calls.answers = answers.slice();
      expect(socket.send(batch)).toBe(taken);
      expect(calls.answers).toEqual([]);
      expect(troubles).toEqual(said);
      // What was left out of the four shows when the next comes.
      const lost = answers.includes(-ENETUNREACH) ? [answers[0]!] : [];
      const sent = [10, 11, 12, 13].slice(0, taken).filter((_size, index) => !lost.includes(index));
      batch.clear();
      batch.addReceived(patternBytes(99, 0), 0);
      expect(socket.send(batch)).toBe(1);
      await server.received(sent.length + 1);
      socket.close();
      expect(wire()).toEqual([...sent, 99]);
    });

    it('lets others have their turn when more and more arrives', async () => {
      const client = await world.connect(server);
      const kinds: string[] = [];
      server.onBatch = (batch) => {
        kinds.push(...Array(batch.count).fill('datagram'));
      };
      for (let round = 0; round < 40; round++) client.sendSizes(Array(BATCH_CAPACITY).fill(10), 0);
      const done = server.received(2000);
      const other = (): void => {
        kinds.push('other');
        if (server.arrivals.length < 2000) setImmediate(other);
      };
      setImmediate(other);
      await done;
      const longest = Math.max(
        ...kinds
          .join(' ')
          .split('other')
          .map((run) => run.split('datagram').length - 1),
      );
      // A turn ends after 512, but for the trains of the last call.
      expect(longest).toBeLessThan(512 + 16 * 128);
    });

    it('makes no train of more than 64 datagrams, which older kernels refuse', async () => {
      const counts: number[] = [];
      class Counting extends SystemCalls {
        override sendmmsg(fd: number, messages: number, count: number, flags: number): number {
          counts.push(count);
          return super.sendmmsg(fd, messages, count, flags);
        }
      }
      const socket = openOn(new Counting(), world, server, () => {});
      const batch = numbered(world.memory, BATCH_CAPACITY, 10);
      expect(socket.send(batch)).toBe(BATCH_CAPACITY);
      await server.received(BATCH_CAPACITY);
      expect(counts).toEqual([Math.ceil(BATCH_CAPACITY / 64)]);
      batch.release();
      socket.close();
    });

    it('fails its self-test where the system does something else', () => {
      class Deaf extends SystemCalls {
        override sendmmsg(): number {
          return -EIO;
        }
      }
      class Forging extends SystemCalls {
        override recvmmsg(fd: number, messages: number, count: number, flags: number): number {
          return Math.min(1, super.recvmmsg(fd, messages, count, flags));
        }
      }
      class Homeless extends SystemCalls {
        override bind(): number {
          return -EIO;
        }
      }
      // A test of a firewall, a machine that is short of memory: no reason to do without.
      class Losing extends SystemCalls {
        #losses = 3;
        override sendmmsg(fd: number, messages: number, count: number, flags: number): number {
          if (this.#losses === 0) return super.sendmmsg(fd, messages, count, flags);
          this.#losses -= 1;
          if (count > 1) super.sendmmsg(fd, messages, count - 1, flags);
          return count;
        }
      }
      const test = (calls: SystemCalls): boolean => {
        const memory = new Arena();
        const shared = {
          calls,
          sending: new SendTable(calls),
          receiving: new ReceiveTable(calls, memory),
          memory,
          queue: new ReceiveQueue(),
        };
        return nativeWorks(shared);
      };
      const worlds = [new SystemCalls(), new Deaf(), new Forging(), new Homeless(), new Losing()];
      expect(worlds.map(test)).toEqual([true, false, false, false, true]);
    });
  },
);
