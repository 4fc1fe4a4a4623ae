// What is sent through a tunnel while it is measured.

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type net from 'node:net';

const SAMPLE_BYTES = 1 << 20;

/** The kinds of bytes that are carried: those that do not compress, those that do, ten digits over and over. */
export const SAMPLE_KINDS = ['random', 'text', 'repeat'] as const;

/** One of {@link SAMPLE_KINDS}. */
export type SampleKind = (typeof SAMPLE_KINDS)[number];

/** A MiB of bytes of a kind. */
export function makeSample(kind: SampleKind): Buffer {
  if (kind === 'random') return randomBytes(SAMPLE_BYTES);
  if (kind === 'repeat') return Buffer.alloc(SAMPLE_BYTES, '0123456789');
  const words = 'the quick brown fox jumps over a lazy dog while many packets travel to far away hosts and come back again'.split(' ');
  let text = '';
  for (let seed = 1; text.length < SAMPLE_BYTES; seed = (seed * 48_271) % 0x7fffffff) text += `${words[seed % words.length]} `;
  return Buffer.from(text.slice(0, SAMPLE_BYTES));
}

/** Writes `bytes` bytes, the sample over and over. */
export async function pump(socket: net.Socket, sample: Buffer, bytes: number): Promise<void> {
  for (let left = bytes; left > 0; left -= sample.length) {
    const piece = left < sample.length ? sample.subarray(0, left) : sample;
    if (!socket.write(piece)) await once(socket, 'drain');
  }
}

/** Resolves when `bytes` bytes have come. @throws {Error} when the connection ends before */
export function drink(socket: net.Socket, bytes: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let left = bytes;
    const onData = (chunk: Buffer): void => {
      left -= chunk.length;
      if (left <= 0) finish(undefined);
    };
    const onClose = (): void => finish(new Error(`closed with ${left} of ${bytes} bytes missing`));
    const finish = (error: Error | undefined): void => {
      socket.off('data', onData).off('close', onClose).off('error', finish);
      if (error === undefined) resolve();
      else reject(error);
    };
    socket.on('data', onData).once('close', onClose).once('error', finish);
  });
}
