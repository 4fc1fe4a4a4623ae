// The applications of a soak: connections of every kind that come and go, each checked byte by byte where it is meant to end well.

import { Random } from '@kcptun/testkit';
import { type Order, TransferError, touch, transfer } from '@kcptun/testkit/node';

/** What has been done so far. */
export interface ChurnStats {
  readonly connections: number;
  readonly bytes: number;
  readonly failures: readonly string[];
}

/** What comes and how fast. */
export interface ChurnOptions {
  /** TCP port of the tunnel's client. */
  readonly port: number;
  /** Bytes per second of all connections together, both directions. */
  readonly rate: number;
  readonly seed: number;
  /** Whether some applications die in the middle of an exchange. */
  readonly breakOffs: boolean;
}

const WORKERS = 12;
const ORDERS: readonly Order[] = ['after-upload', 'at-once', 'after-eof'];
const TIMEOUT_MS = 60_000;
const SMALL_BYTES = 64 * 1024;
const LARGE_BYTES = 4 * 1024 * 1024;

/** Applications that never stop coming. */
export class Churn {
  readonly #options: ChurnOptions;
  readonly #random: Random;
  readonly #workers: Promise<void>[] = [];
  #allowed = 0;
  #allowedAt = 0;
  #running = false;
  #connections = 0;
  #bytes = 0;
  readonly #failures: TransferError[] = [];

  constructor(options: ChurnOptions) {
    this.#options = options;
    this.#random = new Random(options.seed);
  }

  get stats(): ChurnStats {
    return { connections: this.#connections, bytes: this.#bytes, failures: this.#failures.map(({ message }) => message) };
  }

  /** What went wrong so far. */
  get failures(): readonly TransferError[] {
    return this.#failures;
  }

  /** Lets connections come. */
  start(): void {
    this.#running = true;
    this.#allowed = 0;
    this.#allowedAt = performance.now();
    for (let index = 0; index < WORKERS; index++) this.#workers.push(this.#work(this.#random.fork()));
  }

  /** Lets no more connections come; resolves when the present ones have ended. */
  async pause(): Promise<void> {
    this.#running = false;
    await Promise.all(this.#workers.splice(0));
  }

  async #work(random: Random): Promise<void> {
    while (this.#running) {
      const size = random.chance(0.1) ? LARGE_BYTES : SMALL_BYTES;
      const [upload, download] = [random.integer(0, size), random.integer(0, size)];
      await this.#wait(upload + download);
      if (!this.#running) return;
      this.#connections += 1;
      try {
        await this.#connect(random, upload, download);
      } catch (error) {
        if (!(error instanceof TransferError)) throw error;
        this.#failures.push(error);
      }
    }
  }

  async #connect(random: Random, upload: number, download: number): Promise<void> {
    const { port, breakOffs } = this.#options;
    if (random.chance(0.1)) return touch({ port, timeoutMs: TIMEOUT_MS });
    if (breakOffs && random.chance(0.1)) return this.#breakOff(random);
    await transfer({ port, upload, download, seed: random.u32(), order: random.pick(ORDERS), timeoutMs: TIMEOUT_MS });
    this.#bytes += upload + download;
  }

  /**
   * An application that dies in the middle of an exchange, in order or by a reset. What the target still has to say fits into the window
   * that every stream starts with: more would be held until the server gives the stream up, which takes a minute.
   */
  #breakOff(random: Random): Promise<void> {
    return new Promise((resolve) => {
      const exchange = transfer({
        port: this.#options.port,
        upload: SMALL_BYTES,
        download: SMALL_BYTES,
        seed: random.u32(),
        order: 'at-once',
        timeoutMs: random.integer(1, 400),
      });
      exchange.then(
        () => resolve(),
        () => resolve(),
      );
    });
  }

  /** Waits until `bytes` more may be carried. */
  async #wait(bytes: number): Promise<void> {
    const { rate } = this.#options;
    this.#allowed -= bytes;
    for (;;) {
      const now = performance.now();
      // No more than a second's worth is saved up.
      this.#allowed = Math.min(rate, this.#allowed + ((now - this.#allowedAt) * rate) / 1000);
      this.#allowedAt = now;
      if (this.#allowed >= 0 || !this.#running) return;
      await new Promise((resolve) => setTimeout(resolve, Math.min(250, (-this.#allowed * 1000) / rate)));
    }
  }
}
