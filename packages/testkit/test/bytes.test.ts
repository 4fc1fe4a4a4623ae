// The pattern is a function of seed and position, whatever the pieces in which it is made.

import { deflateRawSync } from 'node:zlib';
import { fc, test } from '@fast-check/vitest';
import { checkPattern, fillPattern, fromHex, patternBytes, toHex } from '@kcptun/testkit';
import { describe, expect } from 'vitest';

describe('pattern', () => {
  test.prop([fc.integer(), fc.nat(9000), fc.nat(9000)])('does not depend on where it is cut', (seed, length, cut) => {
    const whole = patternBytes(length + cut, seed);
    expect(Buffer.compare(patternBytes(length, seed, cut), whole.subarray(cut))).toBe(0);
    expect(checkPattern(whole.subarray(cut), seed, cut)).toBe(-1);
  });

  test.prop([fc.integer(), fc.integer({ min: 1, max: 9000 }), fc.nat()])('shows the first byte that differs', (seed, length, place) => {
    const bytes = patternBytes(length, seed);
    const at = place % length;
    bytes[at] = (bytes[at] as number) ^ 0x40;
    expect(checkPattern(bytes, seed)).toBe(at);
  });

  test('tells seeds and positions apart, also beyond 4 GiB', () => {
    const far = 5 * 2 ** 32 + 3;
    const here = patternBytes(64, 1);
    expect(checkPattern(here, 2)).not.toBe(-1);
    expect(checkPattern(here, 1, 4096)).not.toBe(-1);
    expect(checkPattern(patternBytes(64, 1, far), 1, far)).toBe(-1);
  });

  test('has blocks that compress and blocks that do not', () => {
    const ratios = Array.from({ length: 64 }, (_, block) => deflateRawSync(patternBytes(4096, 9, block * 4096)).length / 4096);
    expect(ratios.filter((ratio) => ratio < 0.1).length).toBeGreaterThan(16);
    expect(ratios.filter((ratio) => ratio > 0.95).length).toBeGreaterThan(16);
  });

  test('fills only the target', () => {
    const around = new Uint8Array(12);
    fillPattern(around.subarray(4, 8), 3, 1);
    expect(around.subarray(4, 8)).toEqual(patternBytes(4, 3, 1));
    expect([...around.subarray(0, 4), ...around.subarray(8)]).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
  });
});

describe('hex', () => {
  test.prop([fc.uint8Array({ maxLength: 64 })])('goes there and back', (bytes) => {
    expect(fromHex(toHex(bytes))).toEqual(bytes);
  });

  test('reads digits with white space and refuses anything else', () => {
    expect(fromHex('00 fF\n7a')).toEqual(Uint8Array.of(0, 255, 0x7a));
    expect(() => fromHex('0')).toThrow(TypeError);
    expect(() => fromHex('0g')).toThrow(TypeError);
  });
});
