// What the packing test needs to try two installed programs against each other: free ports, a TCP target that answers
// with bytes of its own (an echo would hide one-sided faults), a client for it, and programs that never outlive the test.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createConnection, createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** Longest time for the programs to start and for the transfer to end. */
const TRIAL_TIMEOUT_MS = 30_000;

/**
 * Ports that are free for TCP now; the tunnel uses one of them for UDP.
 * @param {number} count
 * @returns {Promise<number[]>}
 */
export async function unusedPorts(count) {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map(portOf);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/**
 * @param {import('node:net').Server} server
 * @returns {number}
 */
function portOf(server) {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server does not listen on a port');
  return address.port;
}

/**
 * @param {string} command
 * @param {readonly string[]} args
 * @param {string} cwd
 */
export function startProgram(command, args, cwd) {
  // A process group of its own, because npx does not pass signals on; on Windows there are none.
  const detached = process.platform !== 'win32';
  const child = spawn(command, args, { cwd, detached, shell: !detached, stdio: ['ignore', 'pipe', 'pipe'] });
  const closed = once(child, 'close').catch(() => undefined);
  let text = '';
  const collect = (/** @type {Buffer} */ chunk) => {
    text += chunk;
  };
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  child.on('error', (error) => {
    text += error.message;
  });
  const signal = (/** @type {NodeJS.Signals} */ name) => {
    if (child.pid === undefined) return;
    try {
      if (detached) process.kill(-child.pid, name);
      else spawn('taskkill', ['/pid', String(child.pid), '/t', '/f']);
    } catch {
      // The group has ended already, which is what was wanted.
    }
  };
  return {
    output: () => text,
    stop: async () => {
      signal('SIGTERM');
      await Promise.race([closed, delay(2000)]);
      signal('SIGKILL');
      await closed;
    },
  };
}

export const transfer = {
  /**
   * Takes one connection, reads `upload` bytes, then sends `answer` and ends.
   * @param {number} upload
   * @param {Buffer} answer
   */
  async startTarget(upload, answer) {
    /** @type {PromiseWithResolvers} */
    const result = promiseWithResolvers();
    const server = createServer((socket) => {
      /** @type {Buffer[]} */
      const chunks = [];
      let length = 0;
      socket.on('error', () => undefined);
      socket.on('data', (chunk) => {
        chunks.push(chunk);
        length += chunk.length;
        if (length < upload) return;
        result.resolve(Buffer.concat(chunks));
        socket.end(answer);
      });
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    return { port: portOf(server), received: () => bounded(result.promise, 'the target'), close: () => server.close() };
  },

  /**
   * Connects (again, until the client listens), sends `upload` and reads `download` bytes.
   * @param {number} port
   * @param {Buffer} upload
   * @param {number} download
   * @returns {Promise<Buffer>}
   */
  async exchange(port, upload, download) {
    const deadline = Date.now() + TRIAL_TIMEOUT_MS;
    for (;;) {
      const socket = createConnection({ port, host: '127.0.0.1' });
      try {
        await once(socket, 'connect');
        socket.write(upload);
        return await bounded(readBytes(socket, download), 'the client');
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === 'ECONNREFUSED') || Date.now() > deadline) throw error;
        await delay(100);
      } finally {
        socket.destroy();
      }
    }
  },
};

/** @typedef {{ promise: Promise<Buffer>, resolve: (bytes: Buffer) => void }} PromiseWithResolvers */

/** @returns {PromiseWithResolvers} */
function promiseWithResolvers() {
  /** @type {(bytes: Buffer) => void} */
  let resolve = () => undefined;
  /** @type {Promise<Buffer>} */
  const promise = new Promise((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

/**
 * @param {import('node:net').Socket} socket
 * @param {number} wanted
 * @returns {Promise<Buffer>}
 */
async function readBytes(socket, wanted) {
  /** @type {Buffer[]} */
  const chunks = [];
  let length = 0;
  for await (const chunk of socket) {
    chunks.push(chunk);
    length += chunk.length;
    if (length >= wanted) break;
  }
  return Buffer.concat(chunks);
}

/**
 * @param {Promise<Buffer>} promise
 * @param {string} who
 * @returns {Promise<Buffer>}
 */
async function bounded(promise, who) {
  const stop = new AbortController();
  const late = delay(TRIAL_TIMEOUT_MS, undefined, { signal: stop.signal }).then(() => {
    throw new Error(`${who} got no complete transfer within ${TRIAL_TIMEOUT_MS} ms`);
  });
  late.catch(() => undefined);
  try {
    return await Promise.race([promise, late]);
  } finally {
    stop.abort();
  }
}
