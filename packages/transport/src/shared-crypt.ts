// One packet cipher for all connections of a host that have the same method and key: deriving a key takes ten milliseconds and more,
// and each cipher takes some of the host's memory.

import { type CryptMethod, deriveKey, type PacketCrypt } from '@kcptun/crypt';
import type { Host } from './host.ts';

interface Entry {
  readonly crypt: PacketCrypt;
  users: number;
}

const entries: WeakMap<Host, Map<string, Entry>> = new WeakMap();

/** A share in a cipher: it is closed, and its key wiped, when the last share is given up. */
export class SharedCrypt {
  /** The cipher; not to be closed. */
  readonly crypt: PacketCrypt;
  readonly #host: Host;
  readonly #name: string;
  #released = false;

  /** Takes a share, of a new cipher if need be. */
  constructor(host: Host, method: CryptMethod, key: string) {
    this.#host = host;
    this.#name = `${method}:${key}`;
    let ofHost = entries.get(host);
    if (ofHost === undefined) {
      ofHost = new Map();
      entries.set(host, ofHost);
    }
    let entry = ofHost.get(this.#name);
    if (entry === undefined) {
      entry = { crypt: host.createCrypt(method, deriveKey(key)), users: 0 };
      ofHost.set(this.#name, entry);
    }
    entry.users += 1;
    this.crypt = entry.crypt;
  }

  /** Gives the share up; idempotent. */
  release(): void {
    if (this.#released) return;
    this.#released = true;
    const ofHost = entries.get(this.#host);
    const entry = ofHost?.get(this.#name);
    if (entry === undefined) return;
    entry.users -= 1;
    if (entry.users > 0) return;
    ofHost?.delete(this.#name);
    entry.crypt.close();
  }
}
