// Many connections that all have much to send: what was read from them and waits has a bound, small messages go their way meanwhile, and in the
// end every byte is where it belongs.

import type net from 'node:net';
import { checkPattern, patternBytes } from '@kcptun/testkit';
import type { TunnelClient } from '@kcptun/tunnel';
import { describe, expect, it } from 'vitest';
import { MAX_WAITING } from '../../src/read-line.ts';
import { connect, listen, startWorld, until } from './world.ts';

const STREAMS = 1000;
/** Beyond it, for each stream: what it has waiting without standing in line, twice where it was read before there was a line. */
const BEYOND = STREAMS * 2 * 8192;
/** Beyond it, for each session: the read that filled its share up. */
const LAST_READ = 128 * 1024;

/** Bytes that wait in all streams. */
function waiting(client: TunnelClient): number {
  return client.sessions().reduce((sum, { streams }) => sum + streams.reduce((bytes, { queued }) => bytes + queued, 0), 0);
}

/** Has the bytes that arrive checked against the pattern of seed 3. */
function receive(socket: net.Socket, state: { received: number; wrong: number }): void {
  let at = 0;
  socket.on('data', (bytes) => {
    if (checkPattern(bytes, 3, at) >= 0) state.wrong += 1;
    at += bytes.length;
    state.received += bytes.length;
  });
}

describe.each([
  ['one session', 1],
  ['20 sessions', 20],
])('a thousand streams of %s', (_name, connections) => {
  it('have a bounded number of bytes waiting on a slow path, and a small message does not wait behind them', async () => {
    const port = await listen((socket) => socket.pipe(socket));
    const { client } = await startWorld({
      targetPort: port,
      shared: { compression: false },
      client: { connections, session: { rateLimit: 4_000_000 / connections }, smux: { maxReceiveBuffer: 64 << 20 } },
      server: { smux: { maxReceiveBuffer: 64 << 20 } },
    });
    const talker = connect(client.port);
    let heard = 0;
    talker.on('data', ({ length }) => {
      heard += length;
    });
    talker.write('a');
    await until(() => heard === 1);
    const bytes = patternBytes(200_000, 3);
    for (let index = 0; index < STREAMS; index++) connect(client.port).write(bytes);
    let most = 0;
    await until(() => {
      most = Math.max(most, waiting(client));
      return client.stats().streams > STREAMS && most > MAX_WAITING / 2;
    });
    for (let message = 2; message <= 6; message++) {
      talker.write('b');
      await until(() => {
        most = Math.max(most, waiting(client));
        return heard === message;
      });
    }
    expect(most).toBeLessThanOrEqual(MAX_WAITING + BEYOND + connections * LAST_READ);
    // Nearly all of them are open still: it was on the way all the time.
    expect(client.stats().streams).toBeGreaterThan(STREAMS * 0.8);
  });
});

it('three hundred connections bring more than may wait, in both directions, and every byte arrives', async () => {
  const count = 300;
  const length = 150_000;
  const forth = { received: 0, wrong: 0 };
  const back = { received: 0, wrong: 0 };
  const bytes = patternBytes(length, 3);
  const port = await listen((socket) => {
    receive(socket, forth);
    socket.end(bytes);
  });
  const { client, server } = await startWorld({ targetPort: port, client: { connections: 3 } });
  for (let index = 0; index < count; index++) {
    const near = connect(client.port);
    receive(near, back);
    near.end(bytes);
  }
  await until(() => forth.received === count * length && back.received === count * length);
  expect([forth.wrong, back.wrong]).toEqual([0, 0]);
  await until(() => client.stats().streams + server.stats().streams === 0);
});
