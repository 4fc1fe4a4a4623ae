// Writes a pattern to a socket as fast as the socket takes it.

import type { Socket } from 'node:net';
import { fillPattern } from '../bytes.ts';
import { CHUNK_BYTES } from './transfer-protocol.ts';

/**
 * Writes `length` bytes of the pattern of `seed`, respecting back-pressure.
 * @param done - called once everything is handed to the socket; never when the socket is destroyed before that
 */
export function writePattern(socket: Socket, length: number, seed: number, done: () => void): void {
  let position = 0;
  const write = (): void => {
    while (position < length && !socket.destroyed) {
      // The socket keeps the chunk until it is sent, so each one has memory of its own.
      const chunk = new Uint8Array(Math.min(CHUNK_BYTES, length - position));
      fillPattern(chunk, seed, position);
      position += chunk.length;
      if (!socket.write(chunk) && position < length) {
        socket.once('drain', write);
        return;
      }
    }
    if (position >= length && !socket.destroyed) done();
  };
  write();
}
