// A datagram network on a virtual clock. Nodes are small integers; between each two of them lies one SimLink per
// direction, made when it is first asked for. What is sent to a node that nobody attached is lost, as on a real network.

import { PacketBatch } from '@kcptun/common';
import { Random } from './random.ts';
import { SimLink } from './sim-link.ts';
import type { VirtualClock } from './virtual-clock.ts';

/** Takes a datagram from node `from`, at the clock's time. The bytes are the receiver's to keep. */
export type ReceiveDatagram = (from: number, bytes: Uint8Array) => void;

/** Takes the datagrams that arrive at one instant; `path` is the node they come from. The batch is lent for the call. */
export type ReceiveBatch = (batch: PacketBatch) => void;

/** Tells which node a path of a batch leads to; `undefined` loses the packet. */
export type NodeOfPath = (path: number) => number | undefined;

/** Options of {@link SimNetwork}. */
export interface SimNetworkOptions {
  /** The time on which datagrams travel. */
  readonly clock: VirtualClock;
  /** Decides everything that is left to chance; any number, its low 32 bits count. */
  readonly seed: number;
  /** Settings for every link when it is made, for example `(link) => link.setDelay(20).setLoss(0.05)`. */
  readonly configure?: (link: SimLink, from: number, to: number) => void;
}

/** Nodes and the links between them. */
export class SimNetwork {
  readonly #clock: VirtualClock;
  readonly #seed: number;
  readonly #configure: ((link: SimLink, from: number, to: number) => void) | undefined;
  readonly #nodes = new Map<number, ReceiveDatagram>();
  readonly #links = new Map<string, SimLink>();
  #undeliverable = 0;

  constructor(options: SimNetworkOptions) {
    this.#clock = options.clock;
    this.#seed = options.seed;
    this.#configure = options.configure;
  }

  /** Datagrams that arrived where no node is attached. */
  get undeliverable(): number {
    return this.#undeliverable;
  }

  /** Attaches a node; it replaces what was attached as `node` before, and takes what is on its way there. */
  attach(node: number, receive: ReceiveDatagram): void {
    this.#nodes.set(node, receive);
  }

  /** Attaches a node that takes all datagrams of one instant together, up to a full batch at a time. */
  attachBatches(node: number, receive: ReceiveBatch): void {
    const batch = new PacketBatch();
    const flush = (): void => {
      if (batch.count === 0) return;
      receive(batch);
      batch.clear();
    };
    this.#nodes.set(node, (from, bytes) => {
      // Whatever else arrives at this instant is already scheduled, and so runs before the flush.
      if (batch.count === 0) this.#clock.after(0, flush);
      batch.addReceived(bytes, from);
      if (batch.full) flush();
    });
  }

  /** Takes a node away; what is on its way to it will be lost. */
  detach(node: number): void {
    this.#nodes.delete(node);
  }

  /** The link from one node to another; the way back is a link of its own. */
  link(from: number, to: number): SimLink {
    const key = `${from}>${to}`;
    let link = this.#links.get(key);
    if (link === undefined) {
      // The seed comes from the ends of the link, not from the order in which links are made.
      const random = new Random(this.#seed);
      random.reseed(random.u32() ^ from, to);
      link = new SimLink(random.u32());
      this.#links.set(key, link);
      this.#configure?.(link, from, to);
    }
    return link;
  }

  /** Sends a copy of one datagram. */
  send(from: number, to: number, bytes: Uint8Array): void {
    this.link(from, to).transmit(this.#clock.now, bytes, (at, copy) => {
      this.#clock.schedule(at, () => this.#arrive(from, to, copy));
    });
  }

  /** Sends copies of the packets of a batch, each to the node of its path; refused packets are passed over. */
  sendBatch(from: number, batch: PacketBatch, nodeOfPath: NodeOfPath): void {
    for (let index = 0; index < batch.count; index++) {
      if ((batch.length[index] as number) < 0) continue;
      const to = nodeOfPath(batch.path[index] as number);
      if (to === undefined) this.#undeliverable += 1;
      else this.send(from, to, batch.packet(index));
    }
  }

  #arrive(from: number, to: number, bytes: Uint8Array): void {
    const receive = this.#nodes.get(to);
    if (receive === undefined) this.#undeliverable += 1;
    else receive(from, bytes);
  }
}
