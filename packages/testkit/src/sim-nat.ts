// What stands between a machine and the network: nothing at first, then a NAT that gives its ports other numbers, and may forget them.

import type { SocketAddress } from '@kcptun/transport';
import { socketAddress } from './sim-datagram-socket.ts';

const FIRST_PUBLIC_PORT = 20_000;

/** Public addresses of one machine's ports. A port that was never rebound is its own public port. */
export class SimNat {
  #address: string;
  readonly #publicOf: Map<number, number> = new Map();
  readonly #privateOf: Map<number, number> = new Map();
  #next = FIRST_PUBLIC_PORT;

  constructor(address: string) {
    this.#address = address;
  }

  /** The address that the network knows. */
  get address(): string {
    return this.#address;
  }

  /** Gives these ports new public ones, and the machine another address when one is named. */
  rebind(ports: Iterable<number>, address: string | undefined): void {
    this.#address = address ?? this.#address;
    for (const port of ports) {
      this.forget(port);
      this.#publicOf.set(port, this.#next);
      this.#privateOf.set(this.#next, port);
      this.#next += 1;
    }
  }

  /** A local port is closed. */
  forget(port: number): void {
    const known = this.#publicOf.get(port);
    if (known === undefined) return;
    this.#publicOf.delete(port);
    this.#privateOf.delete(known);
  }

  /** A local port as the network sees it. */
  outside(port: number): SocketAddress {
    return socketAddress(this.#address, this.#publicOf.get(port) ?? port);
  }

  /** The local port behind a public one; -1 when the NAT has forgotten it. */
  inside(port: number): number {
    const known = this.#privateOf.get(port);
    if (known !== undefined) return known;
    return this.#publicOf.has(port) ? -1 : port;
  }
}
