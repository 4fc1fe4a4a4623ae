// Gives each remote address a small number, so that nothing below the socket handles text per packet. A number goes back when its path
// leads to no session; the table is bounded besides, because anybody can send datagrams from any number of addresses.

import type { SocketAddress } from '../host.ts';

/** Most remotes that have a number at a time; the datagrams of further ones are dropped. */
export const MAX_PATHS = 65_536;
/** What stands for a path when no number is left. */
export const NO_PATH = -1;

/** Numbers for remote addresses. */
export class PathTable {
  readonly #byAddress: Map<string, Map<number, number>> = new Map();
  readonly #remotes: (SocketAddress | undefined)[] = [];
  readonly #free: number[] = [];
  #lastAddress = '';
  #lastPort = -1;
  #lastPath = 0;

  /** Number of remotes that have a path. */
  get size(): number {
    return this.#remotes.length - this.#free.length;
  }

  /** The path of a remote, new if it has none yet; {@link NO_PATH} when there is no number left. */
  path(address: string, port: number, family: 4 | 6): number {
    // Datagrams come in runs from one remote.
    if (port === this.#lastPort && address === this.#lastAddress) return this.#lastPath;
    let ports = this.#byAddress.get(address);
    if (ports === undefined) {
      ports = new Map();
      this.#byAddress.set(address, ports);
    }
    const path = ports.get(port) ?? this.#assign(ports, address, port, family);
    if (path !== NO_PATH) {
      this.#lastAddress = address;
      this.#lastPort = port;
      this.#lastPath = path;
    }
    return path;
  }

  /** The path of a remote; {@link NO_PATH} when it has none. */
  find(address: string, port: number): number {
    if (port === this.#lastPort && address === this.#lastAddress) return this.#lastPath;
    const path = this.#byAddress.get(address)?.get(port) ?? NO_PATH;
    if (path !== NO_PATH) {
      this.#lastAddress = address;
      this.#lastPort = port;
      this.#lastPath = path;
    }
    return path;
  }

  /** The remote behind a path. */
  remote(path: number): SocketAddress | undefined {
    return this.#remotes[path];
  }

  /** Takes a number back. */
  forget(path: number): void {
    const remote = this.#remotes[path];
    if (remote === undefined) return;
    this.#remotes[path] = undefined;
    this.#free.push(path);
    this.#lastPort = -1;
    const ports = this.#byAddress.get(remote.address);
    ports?.delete(remote.port);
    if (ports?.size === 0) this.#byAddress.delete(remote.address);
  }

  #assign(ports: Map<number, number>, address: string, port: number, family: 4 | 6): number {
    const path = this.#free.pop() ?? this.#remotes.length;
    if (path === MAX_PATHS) {
      if (ports.size === 0) this.#byAddress.delete(address);
      return NO_PATH;
    }
    this.#remotes[path] = { address, port, family };
    ports.set(port, path);
    return path;
  }
}
