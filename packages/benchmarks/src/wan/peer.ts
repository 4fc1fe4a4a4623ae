// The two ends of what is measured over the link, each a process on its host:
//
//   node dist/wan/peer.js serve PORT                 answers connections: `b` bytes for ever, `f` a file, `e` an echo
//   node dist/wan/peer.js measure HOST PORT SECONDS  prints a line of JSON: WanResult

import { once } from 'node:events';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { median, quantile } from '@kcptun/testkit';

/** What one program does over one link. */
export interface WanResult {
  /** Bytes per second of a download that goes on, without its first seconds. */
  readonly goodput: number;
  /** ms from the connection of an application to the last byte of a file of 256 KiB; median. */
  readonly completion: number;
  /** Round trips of 64 bytes every 50 ms, in ms. */
  readonly p50: number;
  readonly p99: number;
}

const FILE_BYTES = 256 * 1024;
const FILES = 5;
const MESSAGE_BYTES = 64;
const MESSAGES = 120;
const MESSAGE_INTERVAL = 50;
/** What a download has before it counts, in ms: slow start, and the first growth of windows. */
const WARM_UP = 3000;
/** How long a program may take until it listens, in ms. */
const START_LIMIT = 20_000;

const block = Buffer.alloc(64 * 1024, 0x5a);

/** Answers connections until the process is killed. */
function serve(port: number): void {
  net
    .createServer({ noDelay: true }, (socket) => {
      socket.on('error', () => socket.destroy());
      socket.once('data', (first) => {
        const kind = String.fromCharCode(first[0] ?? 0);
        if (kind === 'e') {
          socket.write(first.subarray(1));
          socket.on('data', (chunk) => socket.write(chunk));
        } else if (kind === 'f') {
          socket.end(Buffer.alloc(FILE_BYTES, 0x5a));
        } else {
          const pump = (): void => {
            while (socket.write(block));
          };
          socket.on('drain', pump);
          pump();
        }
      });
    })
    .listen(port);
}

function connect(host: string, port: number, kind: string): net.Socket {
  const socket = net.connect({ host, port, noDelay: true });
  // Before anything else: what is written before the connection stands is sent in this order.
  socket.write(kind);
  return socket;
}

/** Connects as soon as somebody listens: on a busy machine programs take their time to start. */
async function connectFirst(host: string, port: number): Promise<net.Socket> {
  const end = performance.now() + START_LIMIT;
  for (;;) {
    const socket = net.connect({ host, port, noDelay: true });
    try {
      await once(socket, 'connect');
      return socket;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ECONNREFUSED' || performance.now() > end) throw error;
      await sleep(100);
    }
  }
}

/** Sends a message every {@link MESSAGE_INTERVAL} whether the last one is back or not, as a game or a terminal would. */
function measureLatency(socket: net.Socket): Promise<number[]> {
  return new Promise((resolve, reject) => {
    socket.write('e');
    const sent: number[] = [];
    const times: number[] = [];
    let received = 0;
    socket.once('error', reject);
    socket.on('data', (chunk) => {
      received += chunk.length;
      while (times.length < Math.floor(received / MESSAGE_BYTES)) times.push(performance.now() - (sent[times.length] ?? 0));
      if (times.length < MESSAGES) return;
      socket.destroy();
      resolve(times);
    });
    const timer = setInterval(() => {
      sent.push(performance.now());
      socket.write(Buffer.alloc(MESSAGE_BYTES, 1));
      if (sent.length === MESSAGES) clearInterval(timer);
    }, MESSAGE_INTERVAL);
  });
}

function fetchFile(host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const started = performance.now();
    let received = 0;
    const socket = connect(host, port, 'f').once('error', reject);
    socket.on('data', (chunk) => {
      received += chunk.length;
      if (received < FILE_BYTES) return;
      socket.destroy();
      resolve(performance.now() - started);
    });
  });
}

function measureGoodput(host: string, port: number, seconds: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = connect(host, port, 'b').once('error', reject);
    let received = 0;
    socket.on('data', (chunk) => {
      received += chunk.length;
    });
    setTimeout(() => {
      received = 0;
      setTimeout(() => {
        socket.destroy();
        resolve(received / seconds);
      }, seconds * 1000);
    }, WARM_UP);
  });
}

async function measure(host: string, port: number, seconds: number): Promise<WanResult> {
  const times = await measureLatency(await connectFirst(host, port));
  const files: number[] = [];
  for (let index = 0; index < FILES; index++) files.push(await fetchFile(host, port));
  const goodput = await measureGoodput(host, port, seconds);
  return { goodput, completion: median(files), p50: quantile(times, 0.5), p99: quantile(times, 0.99) };
}

const [role, ...rest] = process.argv.slice(2);
if (role === 'serve') {
  serve(Number(rest[0]));
} else if (role === 'measure') {
  const [host = '', port, seconds] = rest;
  process.stdout.write(`${JSON.stringify(await measure(host, Number(port), Number(seconds)))}\n`);
}
