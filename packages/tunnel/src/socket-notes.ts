// What the system did not grant a socket, said once for a tunnel and not for each of its sockets.

import type { Logger } from '@kcptun/common';
import type { DatagramSocket } from '@kcptun/transport';

/** Logs the notes of sockets, each once. */
export class SocketNotes {
  readonly #logger: Logger;
  readonly #said: Set<string> = new Set();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Logs what is new. */
  log(socket: DatagramSocket): void {
    for (const note of socket.notes) {
      if (this.#said.has(note)) continue;
      this.#said.add(note);
      this.#logger.warn(note);
    }
  }
}
