// A server that drops a session without a word as soon as it has read its first bytes, as a Go server
// does whose --smuxver or --nocomp is another one. What comes then makes another session there.

import type { SimHost } from '@kcptun/testkit';
import { Scheduler, UdpEndpoint } from '@kcptun/transport';
import { openCrypt } from '../src/codec.ts';
import { parseTunnelOptions } from '../src/options.ts';

const PORT = 29_900;

/** Serves one client; stopped with `close`. */
export class DroppingServer {
  /** Sessions that were dropped. */
  dropped = 0;
  readonly #host: SimHost;
  readonly #scheduler: Scheduler;
  readonly #life: () => number;
  readonly #options = parseTunnelOptions({ key: 'k', replayProtection: false });
  #udp: UdpEndpoint | undefined;
  #closed = false;

  /** @param life - ms from the first bytes to the end of a session: it may acknowledge more meanwhile, or nothing */
  constructor(host: SimHost, life: () => number) {
    this.#host = host;
    this.#scheduler = new Scheduler(host);
    this.#life = life;
    this.#open();
  }

  close(): void {
    this.#closed = true;
    this.#udp?.close();
  }

  #open(): void {
    const { session: parameters } = this.#options;
    const crypt = openCrypt(this.#host, this.#options);
    let udp: UdpEndpoint | undefined;
    let dying = false;
    const die = (): void => {
      udp?.close();
      crypt.close();
      this.dropped += 1;
      if (!this.#closed) this.#open();
    };
    const onReadable = (): void => {
      if (dying) return;
      dying = true;
      this.#host.setTimer(this.#life(), die);
    };
    const owner = { onReadable, onWritable: () => {}, onClosed: () => {} };
    UdpEndpoint.open(
      this.#host,
      this.#scheduler,
      { role: 'server', crypt, parameters, host: '', port: PORT, replayProtection: false },
      { onSession: (session) => udp?.attach(session, owner) },
      (error, opened) => {
        if (error !== undefined) throw error;
        udp = opened;
        this.#udp = opened;
      },
    );
  }
}
