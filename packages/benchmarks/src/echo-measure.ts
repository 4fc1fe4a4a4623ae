// Round trips of a small message through an idle tunnel.

import type net from 'node:net';
import { quantile } from '@kcptun/testkit';
import { type Program, startTunnel } from './tunnel-programs.ts';

/** Quantiles of the round-trip time in ms. */
export interface EchoResult {
  readonly p50: number;
  readonly p99: number;
  readonly worst: number;
}

const MESSAGE = Buffer.alloc(64, 7);
/** Round trips before counting starts: until then V8 compiles the path in both processes, which shows as single trips of some ms. */
const WARM_UP = 3000;

/** Starts the pair and sends 64 bytes to and fro `count` times. */
export async function measureEcho(program: Program, flags: readonly string[], count: number): Promise<EchoResult> {
  const tunnel = await startTunnel(program, flags);
  try {
    const { near, far } = await tunnel.connect();
    far.on('data', (chunk) => far.write(chunk));
    const times: number[] = [];
    for (let index = 0; index < WARM_UP + count; index++) {
      const started = performance.now();
      near.write(MESSAGE);
      await wholeMessage(near);
      if (index >= WARM_UP) times.push(performance.now() - started);
    }
    near.destroy();
    far.destroy();
    return { p50: quantile(times, 0.5), p99: quantile(times, 0.99), worst: Math.max(...times) };
  } finally {
    await tunnel.stop();
  }
}

function wholeMessage(socket: net.Socket): Promise<void> {
  return new Promise((resolve) => {
    let left = MESSAGE.length;
    const onData = (chunk: Buffer): void => {
      left -= chunk.length;
      if (left > 0) return;
      socket.off('data', onData);
      resolve();
    };
    socket.on('data', onData);
  });
}
