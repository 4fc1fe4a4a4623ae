// The port of `--pprof`: a CPU profile and a heap snapshot of V8, and statistics, over HTTP. The original serves Go's profiles under the same
// paths; the tools differ, the question (where does the time go, where the memory) does not.
//
// A snapshot holds the key, so strangers are kept out: loopback by default, no requests that a web page of another site sends, and none under a
// name that somebody's DNS leads here. One profile at a time, bounded in length; few connections.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { BlockList, isIP } from 'node:net';
import { pipeline } from 'node:stream';
import type { Logger } from '@kcptun/common';
import { formatAddress } from '@kcptun/transport';
import { LineBudget } from '@kcptun/tunnel';

/** Most connections at a time. */
const MAX_CONNECTIONS = 8;
/** How long a request may take to arrive, in ms. */
const REQUEST_TIMEOUT = 5000;
/** Length of a CPU profile in seconds: when not given (that of Go), and the most. */
const DEFAULT_SECONDS = 30;
const MAX_SECONDS = 300;
/** What paths are read against. */
const BASE = 'http://localhost';

/** Options of {@link startProfileServer}. */
export interface ProfileServerOptions {
  /** What the files and the page are called after: `kcptun-client`. */
  readonly program: string;
  readonly host: string;
  /** 0: any free port, which the log names. */
  readonly port: number;
  readonly logger: Logger;
  /** What `/stats` answers, anew for each request. */
  readonly stats: () => object;
}

/** Starts to listen. A port that cannot be had is logged, and everything else goes on. */
export function startProfileServer(options: ProfileServerOptions): Server {
  const { host, port, logger } = options;
  const profiler = new Profiler(options);
  const server = createServer({ requestTimeout: REQUEST_TIMEOUT, headersTimeout: REQUEST_TIMEOUT }, (request, response) => {
    profiler.handle(request, response);
  });
  server.maxConnections = MAX_CONNECTIONS;
  server.on('error', (error) => logger.error(`pprof server: ${error.message}; choose another address with --pprof-listen`));
  server.listen({ port, ...(host === '' ? {} : { host }) }, () => {
    const bound = server.address();
    if (bound === null || typeof bound === 'string') return;
    const address = formatAddress(bound.address, bound.port);
    logger.info(
      `pprof server: http://${address}/ has CPU profiles and heap snapshots of V8 (for the developer tools of Chrome) and statistics`,
      {
        event: 'pprof',
        address,
      },
    );
    if (!isLoopback(bound.address)) {
      logger.warn(
        `the pprof server on ${address} can be reached from outside, and a heap snapshot holds the key; use --pprof-listen 127.0.0.1:6060`,
      );
    }
  });
  return server;
}

class Profiler {
  readonly #options: ProfileServerOptions;
  readonly #failures: LineBudget = new LineBudget();
  #busy = false;

  constructor(options: ProfileServerOptions) {
    this.#options = options;
  }

  /** Answers a request. Whatever goes wrong with it is the end of the request, not of the program. */
  handle(request: IncomingMessage, response: ServerResponse): void {
    try {
      if (isTrusted(request, this.#options.host)) this.#answer(request, response);
      else respond(response, 403, 'refused: open this page by its IP address or as localhost, and not from another site\n');
    } catch (error) {
      this.#fail(error, response);
    }
  }

  #fail(error: unknown, response: ServerResponse): void {
    const { message } = error as Error;
    const more = this.#failures.take(performance.now());
    if (more !== undefined) this.#options.logger.error(`pprof server: ${message}${more}`);
    if (response.headersSent) response.destroy();
    else respond(response, 500, `${message}\n`);
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    // Node hands on what it got, of which not all is a URL: `//`, for example.
    const target = request.url ?? '/';
    if (!URL.canParse(target, BASE)) {
      respond(response, 400, 'that is no path; see /\n');
      return;
    }
    const url = new URL(target, BASE);
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      respond(response, 405, 'only GET\n');
    } else if (url.pathname === '/stats') {
      respond(response, 200, `${JSON.stringify(this.#options.stats(), undefined, 1)}\n`, 'application/json');
    } else if (url.pathname === '/' || url.pathname === '/debug/pprof' || url.pathname === '/debug/pprof/') {
      respond(response, 200, this.#page(), 'text/html; charset=utf-8');
    } else if (url.pathname === '/debug/pprof/profile') {
      this.#exclusively(response, () => this.#cpuProfile(url.searchParams.get('seconds'), response));
    } else if (url.pathname === '/debug/pprof/heap') {
      this.#exclusively(response, () => this.#heapSnapshot(response));
    } else {
      respond(response, 404, 'there is nothing here; see /\n');
    }
  }

  #exclusively(response: ServerResponse, work: () => Promise<void>): void {
    if (this.#busy) {
      respond(response, 503, 'another profile is being taken; try again later\n');
      return;
    }
    this.#busy = true;
    work()
      .catch((error: unknown) => this.#fail(error, response))
      .finally(() => {
        this.#busy = false;
      });
  }

  async #cpuProfile(text: string | null, response: ServerResponse): Promise<void> {
    const seconds = text === null ? DEFAULT_SECONDS : Number(text);
    if (!(seconds > 0 && seconds <= MAX_SECONDS)) {
      respond(response, 400, `seconds=${text}: write a number above 0, at most ${MAX_SECONDS}\n`);
      return;
    }
    const { Session } = await import('node:inspector/promises');
    const session = new Session();
    session.connect();
    try {
      await session.post('Profiler.enable');
      await session.post('Profiler.start');
      await pause(seconds * 1000, response);
      const { profile } = await session.post('Profiler.stop');
      this.#attach(response, 'cpuprofile');
      response.end(JSON.stringify(profile));
    } finally {
      session.disconnect();
    }
  }

  async #heapSnapshot(response: ServerResponse): Promise<void> {
    const { getHeapSnapshot } = await import('node:v8');
    this.#attach(response, 'heapsnapshot');
    await new Promise<void>((resolve) => {
      // Someone who goes away before the end is nobody's error.
      pipeline(getHeapSnapshot(), response, () => resolve());
    });
  }

  #attach(response: ServerResponse, extension: string): void {
    const time = new Date().toISOString().replace(/[-:]|\.\d+/g, '');
    const name = `${this.#options.program}-${process.pid}-${time}.${extension}`;
    response.writeHead(200, { 'content-type': 'application/json', 'content-disposition': `attachment; filename="${name}"` });
  }

  #page(): string {
    return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${this.#options.program}</title></head><body>
<h1>${this.#options.program}, process ${process.pid}</h1>
<p>This program runs on Node.js: what is served here are profiles of V8, not those of Go. They open in the developer tools of Chrome (chrome://inspect).</p>
<ul>
<li><a href="/debug/pprof/profile?seconds=10">/debug/pprof/profile?seconds=10</a>: what the processor is busy with, as .cpuprofile; ${DEFAULT_SECONDS} s unless given, at most ${MAX_SECONDS}</li>
<li><a href="/debug/pprof/heap">/debug/pprof/heap</a>: what the memory is used for, as .heapsnapshot. The program stands still while it is taken, and <b>the file holds the key</b></li>
<li><a href="/stats">/stats</a>: counters, sessions and streams, as JSON</li>
</ul></body></html>
`;
  }
}

function respond(response: ServerResponse, status: number, text: string, type: string = 'text/plain; charset=utf-8'): void {
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' });
  response.end(text);
}

/** Waits, but no longer than the one who asked does. */
function pause(duration: number, response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, duration);
    response.once('close', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

/** Whether a request is none that the page of another site made a browser send, by a link or by a name of its own that leads here. */
function isTrusted(request: IncomingMessage, host: string): boolean {
  const { origin, referer, 'sec-fetch-site': site } = request.headers;
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return false;
  // Older browsers, and those that were told not to, say nothing of the site but name the page.
  for (const page of [origin, referer]) if (page !== undefined && !isOwnPage(page, request.headers.host)) return false;
  const name = (request.headers.host ?? '').replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
  return name === 'localhost' || name === host || isIP(name) !== 0;
}

/** Whether a page was served here, as the host that the request names; `null` is the origin of nobody. */
function isOwnPage(page: string, host: string | undefined): boolean {
  return URL.canParse(page) && new URL(page).host === host?.toLowerCase();
}

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

function isLoopback(address: string): boolean {
  return LOOPBACK.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
}
