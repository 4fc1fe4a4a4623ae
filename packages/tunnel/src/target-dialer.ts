// Connects streams to the target of a server. Every attempt is bounded in time and ends with its link: nothing outlives either.

import type { SmuxStream } from '@kcptun/smux';
import type { ByteConnection, Host, HostTimer, StreamAddress } from '@kcptun/transport';
import { TunnelError } from './errors.ts';
import type { Link } from './link.ts';

/** A target that has not answered after this long is given up, in ms (upstream 2026: the same). */
const CONNECT_TIMEOUT = 10_000;

interface Attempt {
  readonly link: Link;
  readonly stream: SmuxStream;
  timer: HostTimer | undefined;
  connecting: HostTimer | undefined;
}

/** All attempts of one server that are under way. */
export class TargetDialer {
  readonly #host: Host;
  readonly #target: StreamAddress;
  readonly #attempts: Set<Attempt> = new Set();

  constructor(host: Host, target: StreamAddress) {
    this.#host = host;
    this.#target = target;
  }

  /** Number of streams that wait for the target. */
  get size(): number {
    return this.#attempts.size;
  }

  /**
   * Connects on behalf of a stream. Calls back once, unless the attempt is cancelled; after a failure the stream is closed already.
   */
  connect(link: Link, stream: SmuxStream, callback: (error: Error | undefined, connection: ByteConnection | undefined) => void): void {
    const attempt: Attempt = { link, stream, timer: undefined, connecting: undefined };
    this.#attempts.add(attempt);
    const fail = (cause: Error): void => {
      stream.reset();
      link.kick();
      callback(new TunnelError('KCPTUN_ERR_TUNNEL_DIAL', `the target can not be reached: ${cause.message}`, { cause }), undefined);
    };
    attempt.timer = this.#host.setTimer(CONNECT_TIMEOUT, () => {
      this.#end(attempt);
      fail(new Error(`no answer within ${CONNECT_TIMEOUT / 1000} s`));
    });
    attempt.connecting = this.#host.connect(this.#target, (error, connection) => {
      if (!this.#attempts.has(attempt)) {
        connection?.destroy(true);
        return;
      }
      this.#attempts.delete(attempt);
      attempt.timer?.cancel();
      if (connection === undefined) fail(error as Error);
      else callback(undefined, connection);
    });
  }

  /** Ends the attempts for streams of `link`, or all. */
  cancel(link?: Link): void {
    for (const attempt of [...this.#attempts]) {
      if (link !== undefined && attempt.link !== link) continue;
      this.#end(attempt);
      attempt.stream.reset();
    }
  }

  #end(attempt: Attempt): void {
    this.#attempts.delete(attempt);
    attempt.timer?.cancel();
    attempt.connecting?.cancel();
  }
}
