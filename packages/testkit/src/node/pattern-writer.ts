// Writes a pattern to a socket as fast as the socket takes it.

import type { Socket } from 'node:net';
import { fillPattern } from '../bytes.ts';
import { CHUNK_BYTES } from './transfer-protocol.ts';

/**
 * Writes the bytes `[start, end)` of the pattern of `seed`, respecting back-pressure.
 * @param done - called once everything is handed to the socket; never when the socket is destroyed before that
 */
export function writePattern(socket: Socket, start: number, end: number, seed: number, done: () => void): void {
  let position = start;
  const write = (): void => {
    while (position < end && !socket.destroyed) {
      // The socket keeps the chunk until it is sent, so each one has memory of its own.
      const chunk = new Uint8Array(Math.min(CHUNK_BYTES, end - position));
      fillPattern(chunk, seed, position);
      position += chunk.length;
      if (!socket.write(chunk) && position < end) {
        socket.once('drain', write);
        return;
      }
    }
    if (position >= end && !socket.destroyed) done();
  };
  write();
}
