// TCP and unix connections of Node, accepted and connected ones, over real sockets.

import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { checkPattern, patternBytes } from '@kcptun/testkit';
import { freePort } from '@kcptun/testkit/node';
import { afterEach, describe, expect, test } from 'vitest';
import { type ByteConnection, type ByteEvents, type ByteListener, createNodeHost, type StreamAddress } from '../../src/index.ts';

const host = createNodeHost();
const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

/** One end: notes what it is told. */
class End implements ByteEvents {
  received = 0;
  wrong = -1;
  ended = false;
  closed = false;
  error: Error | undefined;
  readonly memories: Set<ArrayBufferLike> = new Set();
  readonly connection: ByteConnection;
  #check: () => void = () => {};

  constructor(connection: ByteConnection) {
    this.connection = connection;
    connection.events = this;
    cleanups.push(() => connection.destroy(false));
  }

  onData(bytes: Uint8Array): void {
    const at = checkPattern(bytes, 3, this.received);
    if (at >= 0 && this.wrong < 0) this.wrong = this.received + at;
    this.received += bytes.length;
    this.memories.add(bytes.buffer);
    // The bytes are ours until this returns.
    bytes.fill(0xee);
    this.#check();
  }

  onEnd(): void {
    this.ended = true;
    this.#check();
  }

  onClose(error: Error | undefined): void {
    this.closed = true;
    this.error = error;
    this.#check();
  }

  send(length: number): Promise<void> {
    return new Promise((resolve) => this.connection.write(patternBytes(length, 3, 0), resolve));
  }

  until(condition: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      this.#check = () => {
        if (condition()) resolve();
      };
      this.#check();
    });
  }
}

let sockets = 0;
const unixPath = (): string => join(tmpdir(), `kcptun-bytes-${process.pid}-${sockets++}.sock`);

function pair(address: StreamAddress): Promise<{ accepted: End; connected: End }> {
  return new Promise((resolve, reject) => {
    let accepted: End | undefined;
    let connected: End | undefined;
    const done = (): void => {
      if (accepted !== undefined && connected !== undefined) resolve({ accepted, connected });
    };
    host.listen(
      address,
      (connection) => {
        accepted = new End(connection);
        done();
      },
      (error, listener) => {
        if (listener === undefined) {
          reject(error);
          return;
        }
        cleanups.push(() => listener.close());
        host.connect('path' in address ? address : { host: '127.0.0.1', port: listener.port }, (failure, connection) => {
          if (connection === undefined) {
            reject(failure);
            return;
          }
          connected = new End(connection);
          done();
        });
      },
      reject,
    );
  });
}

test('a target that refuses is an error with its cause', async () => {
  const port = await freePort();
  const error = await new Promise((resolve) => host.connect({ host: '127.0.0.1', port }, resolve));
  expect(error).toMatchObject({ code: 'KCPTUN_ERR_TRANSPORT_CONNECT', cause: { code: 'ECONNREFUSED' } });
});

const kinds: [string, () => StreamAddress][] = [
  ['tcp', () => ({ host: '127.0.0.1', port: 0 })],
  ['unix', () => ({ path: unixPath() })],
];
if (process.platform === 'linux') kinds.push(['abstract', () => ({ path: `@${unixPath()}` })]);

describe.each(kinds)('%s', (kind, address) => {
  test.each([
    ['accepted', 'connected'],
    ['connected', 'accepted'],
  ] as const)('an %s connection reads everything into one memory, which the %s one has sent', async (reader, writer) => {
    const ends = await pair(address());
    ends[reader].connection.resume();
    await ends[writer].send(3_000_000);
    await ends[reader].until(() => ends[reader].received === 3_000_000);
    expect([ends[reader].wrong, ends[reader].memories.size]).toEqual([-1, 1]);
  });

  test('all connections read into the same memory', async () => {
    const first = await pair(address());
    const second = await pair(address());
    const ends = [first.accepted, first.connected, second.accepted, second.connected];
    for (const end of ends) end.connection.resume();
    await Promise.all(ends.map((end) => end.send(1000)));
    await Promise.all(ends.map((end) => end.until(() => end.received === 1000)));
    expect(new Set(ends.flatMap(({ memories }) => [...memories])).size).toBe(1);
  });

  test('one of many connections brings little at first, and much once it has shown that it has more', async () => {
    for (let count = 0; count < 8; count++) await pair(address());
    const { accepted, connected } = await pair(address());
    const lengths: number[] = [];
    const take = accepted.onData.bind(accepted);
    accepted.onData = (bytes) => {
      lengths.push(bytes.length);
      take(bytes);
    };
    const bring = async (length: number): Promise<number[]> => {
      accepted.connection.pause();
      accepted.received = 0;
      lengths.length = 0;
      await connected.send(length);
      accepted.connection.resume();
      await accepted.until(() => accepted.received === length);
      return [...lengths];
    };
    const [first, second] = await bring(60_000);
    expect(first).toBe(8 * 1024);
    expect(second).toBeGreaterThan(8 * 1024);
    // A small message takes it back to little.
    await bring(1000);
    expect((await bring(60_000))[0]).toBe(8 * 1024);
    expect(accepted.wrong).toBe(-1);
  });

  test('nothing comes while a connection is paused, everything afterwards', async () => {
    const { accepted, connected } = await pair(address());
    accepted.connection.resume();
    await connected.send(1000);
    await accepted.until(() => accepted.received === 1000);
    accepted.connection.pause();
    let sent = false;
    // More than the buffers of the system hold.
    const whole = connected.send(30_000_000).then(() => {
      sent = true;
    });
    for (let turn = 0; turn < 200; turn++) await new Promise((done) => setImmediate(done));
    expect([sent, accepted.received]).toEqual([false, 1000]);
    accepted.received = 0;
    accepted.connection.resume();
    await Promise.all([whole, accepted.until(() => accepted.received === 30_000_000)]);
    expect(accepted.wrong).toBe(-1);
  });

  test('one direction ends, the other goes on', async () => {
    const { accepted, connected } = await pair(address());
    accepted.connection.resume();
    connected.connection.resume();
    connected.connection.end();
    await accepted.until(() => accepted.ended);
    await accepted.send(100_000);
    await connected.until(() => connected.received === 100_000);
    accepted.connection.end();
    await Promise.all([accepted.until(() => accepted.closed), connected.until(() => connected.closed)]);
    expect([accepted.error, connected.error, connected.wrong]).toEqual([undefined, undefined, -1]);
  });

  test.runIf(kind === 'tcp')('a reset is told to the peer', async () => {
    const { accepted, connected } = await pair(address());
    accepted.connection.resume();
    connected.connection.resume();
    accepted.connection.destroy(true);
    await connected.until(() => connected.closed);
    expect(connected.error?.message).toMatch(/ECONNRESET/);
  });

  test('a peer that comes from elsewhere is served the same way', async () => {
    const where = address();
    const end = await new Promise<End>((resolve, reject) => {
      host.listen(
        where,
        (connection) => resolve(new End(connection)),
        (error, listener) => {
          if (listener === undefined) {
            reject(error);
            return;
          }
          cleanups.push(() => listener.close());
          const peer = net.connect('path' in where ? { path: where.path.replace(/^@/, '\0') } : { host: '127.0.0.1', port: listener.port });
          cleanups.push(() => peer.destroy());
          peer.once('connect', () => peer.end(patternBytes(5000, 3, 0)));
        },
        reject,
      );
    });
    end.connection.resume();
    await end.until(() => end.ended);
    expect([end.received, end.wrong]).toEqual([5000, -1]);
  });
});

/** Connects as often as it is told, and says how many connections there are after a while: at once when all are. */
const CROWD = `
  const [port, count] = process.argv.slice(1).map(Number);
  let connected = 0;
  const done = () => process.stdout.write(String(connected), () => process.exit());
  setTimeout(done, 15_000);
  for (let index = 0; index < count; index++) {
    require('node:net').connect(port, '127.0.0.1').on('connect', () => ++connected === count && done()).on('error', () => {});
  }
`;

// With a backlog that is full, connections wait until somebody accepts, which nobody does here.
test.runIf(process.platform === 'linux')('a crowd finds room while nobody has the time to accept it', async () => {
  const room = Number(readFileSync('/proc/sys/net/core/somaxconn', 'utf8'));
  const crowd = Math.min(1200, room);
  const port = await new Promise<number>((resolve, reject) => {
    const ready = (error: Error | undefined, listener: ByteListener | undefined): void => {
      if (listener === undefined) {
        reject(error);
        return;
      }
      cleanups.push(() => listener.close());
      resolve(listener.port);
    };
    host.listen({ host: '127.0.0.1', port: 0 }, (connection) => connection.destroy(true), ready, reject);
  });
  // This process stands still meanwhile.
  const { stdout } = spawnSync(process.execPath, ['-e', CROWD, `${port}`, `${crowd}`], { encoding: 'utf8' });
  expect(stdout).toBe(`${crowd}`);
});

test('a path that is too long for the system is refused, and makes no socket of another name', async () => {
  const path = `${unixPath()}-${'x'.repeat(100)}`;
  const refused = await new Promise<Error | undefined>((resolve) => {
    host.listen(
      { path },
      () => {},
      resolve,
      () => {},
    );
  });
  expect(refused?.message).toBe(
    `listen ${path} is ${path.length} bytes long; use a path of at most ${process.platform === 'linux' ? 107 : 103} bytes`,
  );
  const unreached = await new Promise<Error | undefined>((resolve) => {
    host.connect({ path }, resolve);
  });
  expect(unreached?.message).toBe(refused?.message.replace('listen', 'connect'));
  expect(readdirSync(tmpdir()).filter((name) => name.startsWith(basename(path).slice(0, 40)))).toEqual([]);
});
