// What the system did not grant a socket, and which shards sessions send instead of their own: said once for
// a tunnel and not for each of its sockets.

import type { Logger } from '@kcptun/common';
import type { DatagramSocket } from '@kcptun/transport';

/** Logs notes, each once. */
export class SocketNotes {
  readonly #logger: Logger;
  readonly #said: Set<string> = new Set();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Logs with which shards a session to `remote` sends instead of its own, and why. */
  logShards(remote: string, explanation: string): void {
    if (this.#said.has(explanation)) return;
    this.#said.add(explanation);
    this.#logger.info(`${remote}: ${explanation}`, { event: 'session.shards', remote });
  }

  /** Logs what is new of a socket. */
  log(socket: DatagramSocket): void {
    for (const note of socket.notes) {
      if (this.#said.has(note)) continue;
      this.#said.add(note);
      this.#logger.warn(note);
    }
  }
}
