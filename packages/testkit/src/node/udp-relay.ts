// A bad path made of real sockets: clients send to the relay, the relay sends to one upstream, with one socket per client
// address so that the upstream can tell clients apart. What happens to a datagram is decided by two SimLinks.
//
//   client A ---> [ relay ] --- socket of A ---> upstream
//   client B --->           --- socket of B --->

import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import type { LinkStats } from '../sim-link.ts';
import { SimLink } from '../sim-link.ts';
import { VirtualClock } from '../virtual-clock.ts';

/** Options of {@link UdpRelay}. */
export interface UdpRelayOptions {
  /** UDP port of the upstream. */
  readonly upstreamPort: number;
  /** Address of the upstream (default 127.0.0.1). */
  readonly upstreamHost?: string;
  /** Port for the clients (default 0: any free one; see {@link UdpRelay.port}). */
  readonly port?: number;
  /** Decides everything that is left to chance (default 1). */
  readonly seed?: number;
}

/** Counters of {@link UdpRelay}. */
export interface UdpRelayStats {
  /** Clients to upstream. */
  readonly up: LinkStats;
  /** Upstream to clients. */
  readonly down: LinkStats;
  /** Client addresses seen. */
  readonly clients: number;
}

interface Flow {
  readonly address: string;
  readonly port: number;
  socket: Socket;
}

const SOCKET_BUFFER_BYTES = 4 * 1024 * 1024;
const CLIENT_LIMIT = 1000;

/** A running relay; start it with {@link UdpRelay.start}. */
export class UdpRelay {
  /** From clients to upstream; its setters may be called at any time. */
  readonly up: SimLink;
  /** From upstream to clients; its setters may be called at any time. */
  readonly down: SimLink;
  readonly #options: UdpRelayOptions;
  readonly #front: Socket;
  readonly #flows = new Map<string, Flow>();
  // Datagrams on their way are events of a clock that follows the real time.
  readonly #clock: VirtualClock;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  private constructor(options: UdpRelayOptions, front: Socket) {
    const seed = options.seed ?? 1;
    this.up = new SimLink(seed);
    this.down = new SimLink(seed + 1);
    this.#options = options;
    this.#front = front;
    this.#clock = new VirtualClock(performance.now());
    front.on('message', (bytes, from) => this.#fromClient(bytes, from.address, from.port));
  }

  /** Opens the relay on 127.0.0.1. */
  static async start(options: UdpRelayOptions): Promise<UdpRelay> {
    const front = await openSocket(options.port ?? 0);
    return new UdpRelay(options, front);
  }

  /** The port that clients send to. */
  get port(): number {
    return this.#front.address().port;
  }

  /** The counters so far. */
  get stats(): UdpRelayStats {
    return { up: this.up.stats, down: this.down.stats, clients: this.#flows.size };
  }

  /**
   * Moves every client to another outgoing port, as a NAT does that has forgotten its mappings. What the upstream still
   * sends to the old ports is lost.
   */
  async changePorts(): Promise<void> {
    for (const flow of this.#flows.values()) {
      const replaced = flow.socket;
      const socket = await openSocket(0);
      this.#listen(flow, socket);
      replaced.close();
    }
  }

  /** Closes all sockets and drops what is on its way. May be called again. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#timer);
    const sockets = [this.#front, ...[...this.#flows.values()].map((flow) => flow.socket)];
    await Promise.all(sockets.map((socket) => new Promise<void>((resolve) => socket.close(resolve))));
  }

  #fromClient(bytes: Uint8Array, address: string, port: number): void {
    const key = `${address} ${port}`;
    let flow = this.#flows.get(key);
    if (flow === undefined) {
      if (this.#flows.size >= CLIENT_LIMIT) return;
      const created: Flow = { address, port, socket: createSocket('udp4') };
      created.socket.bind(0, '127.0.0.1', () => growBuffers(created.socket));
      this.#listen(created, created.socket);
      this.#flows.set(key, created);
      flow = created;
    }
    const target = flow;
    this.#carry(this.up, bytes, (copy) => {
      target.socket.send(copy, this.#options.upstreamPort, this.#options.upstreamHost ?? '127.0.0.1');
    });
  }

  #listen(flow: Flow, socket: Socket): void {
    flow.socket = socket;
    // A refused datagram is reported on the socket later; on a network it would just be lost.
    socket.on('error', () => {});
    socket.on('message', (bytes) => {
      this.#carry(this.down, bytes, (copy) => this.#front.send(copy, flow.port, flow.address));
    });
  }

  #carry(link: SimLink, bytes: Uint8Array, send: (copy: Uint8Array) => void): void {
    if (this.#closed) return;
    const now = performance.now();
    link.transmit(now, bytes, (at, copy) => {
      if (at <= now) send(copy);
      else this.#clock.schedule(at, () => send(copy));
    });
    this.#arm();
  }

  #arm(): void {
    const next = this.#clock.next;
    if (this.#timer !== undefined || next === undefined) return;
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined;
        this.#clock.advanceTo(performance.now());
        this.#arm();
      },
      Math.max(0, next - performance.now()),
    );
  }
}

async function openSocket(port: number): Promise<Socket> {
  const socket = createSocket('udp4');
  socket.bind(port, '127.0.0.1');
  await once(socket, 'listening');
  growBuffers(socket);
  return socket;
}

function growBuffers(socket: Socket): void {
  socket.setRecvBufferSize(SOCKET_BUFFER_BYTES);
  socket.setSendBufferSize(SOCKET_BUFFER_BYTES);
}
