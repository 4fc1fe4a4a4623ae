// Makes sessions, one at a time: looks the server's name up, opens a socket of its own to one of its addresses and a port of the range, and tries
// again with growing pauses when that cannot be done. Nothing waits for it but those who asked.

import type { EventEmitter } from 'node:events';
import type { ChunkPool } from '@kcptun/common';
import type { BlockCodec } from '@kcptun/comp';
import type { PacketCrypt } from '@kcptun/crypt';
import type { Counters, FlightBudget, SegmentPool, SharedPaths } from '@kcptun/session';
import { type Host, type HostTimer, type PortRangeAddress, type Scheduler, type SocketAddress, UdpEndpoint } from '@kcptun/transport';
import type { KeyWear } from './key-wear.ts';
import type { ResolvedClientOptions, ResolvedTunnelOptions } from './options.ts';
import type { PathNotes } from './path-notes.ts';
import type { PipeSet, TunnelEvents } from './pipe-set.ts';
import type { ReadLine } from './read-line.ts';
import { RefusalReport } from './refusals.ts';
import type { SocketNotes } from './socket-notes.ts';
import { logSocketTrouble } from './socket-trouble.ts';

const FIRST_PAUSE = 1000;
const LONGEST_PAUSE = 8000;
/** How often it is tried again before those who wait are told. */
const MAX_ATTEMPTS = 5;
/** Addresses and ports that may be passed over before a pause. */
const MAX_PASSED_OVER = 16;

/** What all slots of a client share. */
export interface DialerOptions {
  readonly host: Host;
  readonly scheduler: Scheduler;
  readonly crypt: PacketCrypt;
  readonly options: ResolvedTunnelOptions;
  readonly clientOptions: ResolvedClientOptions;
  readonly remote: PortRangeAddress;
  readonly pool: ChunkPool;
  readonly codec: BlockCodec | undefined;
  readonly counters: Counters;
  readonly flight: FlightBudget;
  readonly segments: SegmentPool;
  readonly sharedPaths: SharedPaths;
  readonly pipes: PipeSet;
  readonly reads: ReadLine;
  readonly notes: SocketNotes;
  readonly wear: KeyWear;
  readonly paths: PathNotes;
  readonly events: EventEmitter<TunnelEvents>;
  /** If the machine has slept, has the sessions of all slots doubted. */
  readonly lookForSleep: () => void;
  /** A path was throttled. */
  readonly onThrottled: (path: object) => void;
  /** A session has begun to carry bulk. */
  readonly onBulk: () => void;
}

/** What a dialer tells its owner. */
export interface DialerEvents {
  /** A socket to the server is open; the dialer rests. */
  onConnected(udp: UdpEndpoint): void;
  /**
   * The network says that nobody listens behind such a socket. Anybody who guesses the socket's port can say so.
   * @param choice - whether there is an address of the name, or a port of the range, that was not tried yet
   */
  onRefused(udp: UdpEndpoint, choice: boolean): void;
  /** After {@link MAX_ATTEMPTS} attempts in a row; returns whether to go on. */
  onExhausted(error: Error): boolean;
}

/** Opens sockets to the server. */
export class Dialer {
  readonly #shared: DialerOptions;
  readonly #events: DialerEvents;
  readonly #refusals: RefusalReport;
  #retry: HostTimer | undefined;
  #underWay = false;
  #attempts = 0;
  #exhausted = false;
  /** Counts the addresses of the name that were tried: the next one is another, when there is another. */
  #turn = 0;
  /** Addresses and ports that were passed over since the last pause. */
  #passedOver = 0;
  /** Ports of the range among them. */
  readonly #refusedPorts: Set<number> = new Set();
  #closed = false;

  constructor(shared: DialerOptions, events: DialerEvents) {
    this.#shared = shared;
    this.#events = events;
    this.#refusals = new RefusalReport(shared.options.logger);
  }

  /** Whether it is at work, or waits until it tries again. */
  get busy(): boolean {
    return this.#underWay || this.#retry !== undefined;
  }

  /** Starts to make a session, unless that is under way. */
  dial(): void {
    if (this.#closed || this.busy) return;
    this.#attempt();
  }

  /** A session that was made answers: the address was a good one. */
  succeeded(): void {
    this.#attempts = 0;
    this.#forgive();
    this.#exhausted = false;
  }

  /** Somebody waits from now on: what went wrong while nobody did is no reason to make them wait longer. */
  hurry(): void {
    this.rest();
    this.#attempts = 0;
  }

  /** The address in use is no good: the next session is made to another one, if the name has another. */
  passOver(): void {
    this.#turn += 1;
    this.#passedOver += 1;
  }

  /** Nobody listens there: the same, and at another port, if there is a range of them. That was no attempt yet. */
  passOverPort(port: number): void {
    this.passOver();
    this.#attempts = Math.max(0, this.#attempts - 1);
    this.#refusedPorts.add(port);
  }

  /** The next session goes to another port, if there is a range of them. */
  avoidPort(port: number): void {
    this.#refusedPorts.add(port);
  }

  #forgive(): void {
    this.#passedOver = 0;
    this.#refusedPorts.clear();
  }

  /** A session that was made does not answer, or none could be made: tries again after a pause, at another address of the name if there is one. */
  failed(error: Error): void {
    if (this.#closed) return;
    this.#turn += 1;
    this.#forgive();
    if (this.#attempts >= MAX_ATTEMPTS) {
      this.#attempts = 0;
      this.#exhausted = true;
      if (!this.#events.onExhausted(new Error(`giving up after ${MAX_ATTEMPTS} attempts: ${error.message}`, { cause: error }))) {
        this.#exhausted = false;
        return;
      }
    }
    const pause = this.#exhausted ? LONGEST_PAUSE : Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (this.#attempts - 1));
    this.#shared.options.logger.error(`re-connecting in ${pause / 1000} s: ${error.message}`);
    this.#retry = this.#shared.host.setTimer(pause, () => {
      this.#retry = undefined;
      this.#attempt();
    });
  }

  /** Takes back an attempt that waits for its time. */
  rest(): void {
    this.#retry?.cancel();
    this.#retry = undefined;
  }

  /** Ends all attempts. */
  close(): void {
    this.#closed = true;
    this.rest();
  }

  #attempt(): void {
    const { host, remote } = this.#shared;
    this.#underWay = true;
    this.#attempts += 1;
    host.resolve(remote.host === '' ? '127.0.0.1' : remote.host, this.#pickPort(), (error, addresses) => {
      if (this.#closed) return;
      if (addresses === undefined || addresses.length === 0) {
        this.#underWay = false;
        this.failed(error as Error);
        return;
      }
      this.#open(addresses[this.#turn % addresses.length] as SocketAddress, addresses.length);
    });
  }

  #open(address: SocketAddress, choices: number): void {
    const { host, scheduler, options, crypt, counters, flight, segments, sharedPaths } = this.#shared;
    const udpOptions = {
      role: 'client' as const,
      crypt,
      parameters: options.session,
      counters,
      flight,
      segments,
      paths: sharedPaths,
      host: '',
      port: 0,
      remote: address,
      // A server with several addresses may answer from another one. Where the name has several as
      // well, the machine's word that nobody listens at one of them comes to a connected socket only.
      anySource: choices === 1 || this.#turn >= choices,
      bufferSize: options.socketBuffer,
      dscp: options.dscp,
      fakeTcp: options.fakeTcp,
      replayProtection: options.replayProtection,
    };
    const { minPort, maxPort } = this.#shared.remote;
    const mostPassedOver = Math.min(MAX_PASSED_OVER, choices * (maxPort - minPort + 1) - 1);
    let opened: UdpEndpoint | undefined;
    const events = {
      onRefused: (refused: number) => this.#refusals.note(host.now(), refused, address),
      onTrouble: (trouble: Error) => {
        logSocketTrouble(options.logger, trouble);
        const socket = opened;
        if (socket === undefined || !trouble.message.includes('ECONNREFUSED')) return;
        // A socket says so while its sessions are being flushed: none of them can be closed now.
        host.defer(() => {
          if (!this.#closed) this.#events.onRefused(socket, this.#passedOver < mostPassedOver);
        });
      },
    };
    const done = (failure: Error | undefined, udp: UdpEndpoint | undefined): void => {
      this.#underWay = false;
      opened = udp;
      if (this.#closed) udp?.close();
      else if (udp === undefined) this.failed(failure as Error);
      else this.#events.onConnected(udp);
    };
    try {
      UdpEndpoint.open(host, scheduler, udpOptions, events, done);
    } catch (failure) {
      done(failure as Error, undefined); // the host's memory is full
    }
  }

  /** A uniformly random port of the range, anew for each session, but none that was refused since the last pause. */
  #pickPort(): number {
    const { minPort, maxPort } = this.#shared.remote;
    if (minPort === maxPort) return minPort;
    const refused = this.#refusedPorts;
    if (refused.size > maxPort - minPort) refused.clear();
    const random = new Uint8Array(4);
    this.#shared.host.random(random);
    const value = new DataView(random.buffer).getUint32(0);
    let port = minPort + Math.floor((value / 2 ** 32) * (maxPort - minPort + 1 - refused.size));
    for (const taken of [...refused].sort((a, b) => a - b)) if (taken <= port) port += 1;
    return port;
  }
}
