// Where nonces come from, and how much of it is kept.
import { HEADROOM, PacketBatch } from '@kcptun/common';
import { expect, test } from 'vitest';
import { createPacketCrypt } from '../src/index.ts';
import { fillRandom } from '../src/node/kernel-random.ts';

test.each([1, 16, 1020, 1024, 1025, 100_000])('%i random bytes: no two fillings are alike, and all of it is filled', (length) => {
  const rounds = Array.from({ length: 64 }, () => {
    const bytes = new Uint8Array(length + 2);
    fillRandom(bytes.subarray(1, length + 1));
    expect([bytes[0], bytes[length + 1]]).toEqual([0, 0]);
    return bytes.subarray(1, length + 1);
  });
  // Some round has another byte than 0 at each place, with a chance of 2^-512 for each that it does not.
  for (let at = 0; at < length; at++) if (!rounds.some((bytes) => bytes[at] !== 0)) expect.unreachable(`place ${at}`);
  if (length >= 16) expect(new Set(rounds.map((bytes) => Buffer.from(bytes).toString('hex'))).size).toBe(64);
});

test.each(['aes-128-gcm', 'salsa20', 'aes'] as const)('%s: what is in store for nonces is 1 KiB at most', (method) => {
  const asked: number[] = [];
  const random = (target: Uint8Array): void => {
    if (target.length > 32) asked.push(target.length);
    target.fill(asked.length);
  };
  const crypt = createPacketCrypt({ method, key: new Uint8Array(32), random });
  const batch = new PacketBatch();
  for (let count = 0; count < 90; count++) batch.add(HEADROOM, 100, 0);
  crypt.seal(batch);
  expect(Math.max(...asked)).toBeLessThanOrEqual(1024);
  // Datagrams after the 85th (64th) have nonces that were not there when the first left.
  expect(asked.length).toBeGreaterThanOrEqual(2);
  crypt.close();
});
