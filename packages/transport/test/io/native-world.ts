// Sockets of a chosen backend for tests: what arrives is kept, and waited for without clocks.

import { type Arena, PacketBatch, RECEIVE_OFFSET } from '@kcptun/common';
import { createTestMemory, fillPattern } from '@kcptun/testkit';
import type { DatagramOptions, DatagramSocket } from '../../src/host.ts';
import { ReceiveQueue } from '../../src/node/receive-queue.ts';
import { type DatagramBackend, selectDatagram } from '../../src/node/select-datagram.ts';

/** A batch of the largest datagrams, each with what the kernel adds to it, is more than the default of some systems. */
export const ROOMY = { bufferSize: 1024 * 1024 };

export interface Arrival {
  readonly path: number;
  readonly bytes: Uint8Array;
}

/** A socket, what it has received and what it was told. */
export class Station {
  readonly arrivals: Arrival[] = [];
  readonly batchSizes: number[] = [];
  readonly troubles: Error[] = [];
  /** Called for every batch, before it is kept. */
  onBatch: (batch: PacketBatch) => void = () => {};
  #socket: DatagramSocket | undefined;
  readonly #world: World;
  #waiting: { readonly met: () => boolean; readonly done: () => void }[] = [];

  constructor(world: World) {
    this.#world = world;
  }

  get socket(): DatagramSocket {
    return this.#socket as DatagramSocket;
  }

  /** @internal */
  open(options: DatagramOptions): Promise<this> {
    const events = {
      onBatch: (batch: PacketBatch) => {
        this.batchSizes.push(batch.count);
        this.onBatch(batch);
        for (let index = 0; index < batch.count; index++) {
          this.arrivals.push({ path: batch.path[index] as number, bytes: batch.packet(index).slice() });
        }
        this.#check();
      },
      onTrouble: (error: Error) => {
        this.troubles.push(error);
        this.#check();
      },
    };
    return new Promise((resolve, reject) => {
      this.#world.backend.open(options, events, (error, socket) => {
        this.#socket = socket;
        if (socket === undefined) reject(error);
        else resolve(this);
      });
    });
  }

  /** Sends one datagram. */
  sendOne(path: number, bytes: Uint8Array): number {
    return this.sendAll([{ path, bytes }]);
  }

  /** Sends datagrams as one batch in the shared memory. */
  sendAll(packets: readonly Arrival[]): number {
    const batch = new PacketBatch(this.#world.memory);
    for (const { path, bytes } of packets) batch.addReceived(bytes, path);
    const taken = this.socket.send(batch);
    batch.release();
    return taken;
  }

  /** Sends datagrams of these sizes, filled with patterns that tell their number from `first` on. */
  sendSizes(sizes: readonly number[], first: number): number {
    const batch = new PacketBatch(this.#world.memory);
    sizes.forEach((size, index) => {
      batch.add(RECEIVE_OFFSET, size, 0);
      fillPattern(batch.packet(index), first + index);
    });
    const taken = this.socket.send(batch);
    batch.release();
    return taken;
  }

  /** Resolves when `count` datagrams have come in all. */
  received(count: number): Promise<void> {
    return this.until(() => this.arrivals.length >= count);
  }

  until(met: () => boolean): Promise<void> {
    return new Promise((done) => {
      this.#waiting.push({ met, done });
      this.#check();
    });
  }

  #check(): void {
    this.#waiting = this.#waiting.filter(({ met, done }) => {
      if (!met()) return true;
      done();
      return false;
    });
  }
}

/** A backend and the sockets made of it. */
export class World {
  readonly memory: Arena;
  readonly queue: ReceiveQueue = new ReceiveQueue();
  readonly backend: DatagramBackend;
  readonly stations: Station[] = [];

  constructor(native: boolean, memory: Arena = createTestMemory(8 * 1024 * 1024)) {
    this.memory = memory;
    this.backend = selectDatagram(memory, this.queue, native);
  }

  async open(options: Partial<DatagramOptions> = {}): Promise<Station> {
    const station = await new Station(this).open({ host: '127.0.0.1', port: 0, ...options });
    this.stations.push(station);
    return station;
  }

  /** A socket that talks to `other` only. */
  connect(other: Station, address = '127.0.0.1'): Promise<Station> {
    const family = address.includes(':') ? 6 : 4;
    return this.open({ ...ROOMY, host: '', remote: { address, port: other.socket.local.port, family } });
  }

  close(): void {
    for (const { socket } of this.stations) socket.close();
  }
}
