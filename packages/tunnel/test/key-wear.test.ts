// The line that says that a key has been used for too much.
import { CRYPT_METHODS, repeatsAfter } from '@kcptun/crypt';
import { Counters } from '@kcptun/session';
import { expect, test } from 'vitest';
import { KeyWear } from '../src/key-wear.ts';

function worn(crypt: Parameters<typeof repeatsAfter>[0], steps: readonly Partial<Counters['totals']>[]): string[] {
  const lines: string[] = [];
  const silent = (): void => {};
  const logger = { debug: silent, info: silent, error: silent, warn: (text: string) => void lines.push(text) };
  const wear = new KeyWear(logger, crypt);
  const { totals } = new Counters();
  for (const step of steps) {
    Object.assign(totals, step);
    wear.check(totals);
    wear.check(totals);
  }
  return lines;
}

test('ciphers with blocks of 8 bytes: at 34 GB in both directions, then at each doubling', () => {
  const GB = 1e9;
  const steps = [{ InBytes: 30 * GB }, { OutBytes: 5 * GB }, { InBytes: 60 * GB }, { InBytes: 70 * GB }];
  for (const crypt of ['blowfish', 'cast5', '3des', 'tea', 'xtea'] as const) {
    const lines = worn(crypt, steps);
    expect(lines.map((line) => line.split(' under')[0])).toEqual(['35 GB', '75 GB']);
    expect(lines[0]).toContain(`--crypt ${crypt}`);
  }
});

test('salsa20: at 2^32 datagrams', () => {
  expect(worn('salsa20', [{ InPkts: 2 ** 31 }, { OutPkts: 2 ** 31 - 1 }])).toEqual([]);
  expect(worn('salsa20', [{ InPkts: 2 ** 31, OutPkts: 2 ** 31 }])).toHaveLength(1);
});

test('the others: never', () => {
  const others = CRYPT_METHODS.filter((method) => repeatsAfter(method) === undefined);
  expect(others).toEqual(['aes', 'aes-128', 'aes-128-gcm', 'aes-192', 'twofish', 'xor', 'sm4', 'none', 'null']);
  for (const crypt of others) expect(worn(crypt, [{ InBytes: 1e15, InPkts: 1e12 }])).toEqual([]);
});
