// What a service manager (systemd) is told, in its datagram protocol: that the program is ready, re-reads something, stops, and is alive. It asks
// for that by the environment: NOTIFY_SOCKET, and for signs of life WATCHDOG_USEC and WATCHDOG_PID. Node cannot send datagrams to unix sockets:
// the FFI of transport does, or the program systemd-notify where there is none.

import { execFile } from 'node:child_process';
import type { Logger } from '@kcptun/common';
import { sendUnixDatagram } from '@kcptun/transport';
import type { Environment } from './command-line.ts';

/** How often the status line is renewed, in ms. */
const STATUS_INTERVAL = 30_000;
/** How long systemd-notify may take, in ms. */
const NOTIFY_TIMEOUT = 5000;

/** Who started the program and wants to know how it is. Everything does nothing when nobody asked. */
export class ServiceManager {
  readonly #socket: string | undefined;
  readonly #watchdog: number;
  readonly #logger: Logger;
  #lastStatus = '';
  #troubled = false;
  #sending: Promise<void> = Promise.resolve();

  constructor(env: Environment, logger: Logger) {
    this.#socket = env['NOTIFY_SOCKET'] === '' ? undefined : env['NOTIFY_SOCKET'];
    this.#watchdog = watchdogTime(env);
    this.#logger = logger;
  }

  /** The program does its work now. From here on the watchdog is fed, twice as often as it asks, and `status` is shown. */
  ready(status: () => string): void {
    if (this.#socket === undefined) return;
    this.#lastStatus = status();
    this.#send('READY=1', statusLine(this.#lastStatus));
    this.#every(STATUS_INTERVAL, () => {
      const text = status();
      if (text !== this.#lastStatus) this.#send(statusLine(text));
      this.#lastStatus = text;
    });
    if (this.#watchdog > 0) this.#every(this.#watchdog / 2, () => this.#send('WATCHDOG=1'));
  }

  /** Does something that SIGHUP asked for, and tells when it begins and ends. */
  reload(work: () => void): void {
    // The manager compares this time with that of its signal, on the same clock.
    this.#send('RELOADING=1', `MONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`);
    work();
    this.#send('READY=1');
  }

  /** The program ends, within `time` ms. */
  stopping(status: string, time: number): void {
    this.#send('STOPPING=1', statusLine(status), `EXTEND_TIMEOUT_USEC=${time * 1000}`);
  }

  #every(interval: number, work: () => void): void {
    setInterval(work, interval).unref();
  }

  #complain(reason: string): void {
    if (this.#troubled) return;
    this.#troubled = true;
    this.#logger.warn(`the service manager cannot be told anything: ${reason}`);
  }

  #send(...lines: readonly string[]): void {
    if (this.#socket === undefined) return;
    const obstacle = sendUnixDatagram(this.#socket, new TextEncoder().encode(lines.join('\n')));
    if (obstacle === undefined) return;
    // One after the other, because the order matters.
    this.#sending = this.#sending.then(
      () =>
        new Promise((resolve) => {
          const done = (error: Error | null): void => {
            if (error !== null) this.#complain(`${obstacle}; ${error.message}`);
            resolve();
          };
          try {
            execFile('systemd-notify', [...lines], { timeout: NOTIFY_TIMEOUT }, done);
          } catch (error) {
            done(error as Error); // no memory or no process left for it
          }
        }),
    );
  }
}

function statusLine(text: string): string {
  return `STATUS=${text.replace(/\s+/g, ' ')}`;
}

/** How often the watchdog of this process wants a sign of life, in ms; 0: never. */
function watchdogTime(env: Environment): number {
  const pid = env['WATCHDOG_PID'];
  if (pid !== undefined && pid !== '' && Number(pid) !== process.pid) return 0;
  const time = Number(env['WATCHDOG_USEC']) / 1000;
  return Number.isFinite(time) && time >= 2 && time < 2 ** 31 ? time : 0;
}
