// Go's time layouts: what a Go program made of them, and every token on its own.

import { readFileSync } from 'node:fs';
import { formatGoTime, type GoTime, localGoTime } from '@kcptun/cli';
import { describe, expect, test } from 'vitest';

/** The moment of the vectors: a Friday, 2025-11-07T08:09:05.123456789+08:00, zone CST. */
const RECORDED: GoTime = {
  ...{ year: 2025, month: 11, day: 7, hour: 8, minute: 9, second: 5, nanosecond: 123_456_789 },
  ...{ offset: 8 * 3600, zone: 'CST' },
};

const VECTORS = JSON.parse(readFileSync(new URL('../../testkit/vectors/snmp.json', import.meta.url), 'utf8')) as {
  readonly file_name_format_examples: { readonly pairs: readonly (readonly [string, string])[] };
};

test.each(VECTORS.file_name_format_examples.pairs)('recorded: %s is %s', (layout, text) => {
  expect(formatGoTime(layout, RECORDED)).toBe(text);
});

describe('tokens', () => {
  const AFTERNOON: GoTime = {
    ...{ year: 2026, month: 2, day: 3, hour: 16, minute: 5, second: 6, nanosecond: 120_000_000 },
    ...{ offset: -(3 * 3600 + 30 * 60 + 15), zone: 'NST' },
  };

  test.each([
    ['January Jan 1 01', 'February Feb 2 02'],
    ['Monday Mon', 'Tuesday Tue'],
    ['2 _2 02 002 __2', '3  3 03 034  34'],
    ['15 3 03 PM pm', '16 4 04 PM pm'],
    ['4 04 5 05', '5 05 6 06'],
    ['2006 06 _2006', '2026 26 _2026'],
    ['MST -07 -0700 -07:00 -070000 -07:00:00', 'NST -03 -0330 -03:30 -033015 -03:30:15'],
    ['Z07 Z0700 Z07:00 Z070000 Z07:00:00', '-03 -0330 -03:30 -033015 -03:30:15'],
    ['.0 .000 ,000000 .999999999 ,9', '.1 .120 ,120000 .12 ,1'],
    ['a.0001 b.0991', 'a.0002 b.0992'],
    ['Janet Mondayish Money PMx', 'Janet Tuesdayish Money PMx'],
    ['port7.csv 0 8 9', 'port7.csv 0 8 9'],
  ])('%s', (layout, text) => {
    expect(formatGoTime(layout, AFTERNOON)).toBe(text);
  });

  test('midnight, noon, UTC, no fraction', () => {
    const midnight: GoTime = { ...AFTERNOON, hour: 0, nanosecond: 0, offset: 0, zone: 'UTC' };
    expect(formatGoTime('3PM 15h.999 .000 Z07:00 Z0700 -0700 MST', midnight)).toBe('12AM 00h .000 Z Z +0000 UTC');
    expect(formatGoTime('03pm', { ...midnight, hour: 12 })).toBe('12pm');
  });

  test('the year has its days', () => {
    expect(formatGoTime('002', { ...AFTERNOON, year: 2024, month: 12, day: 31 })).toBe('366');
    expect(formatGoTime('002 __2', { ...AFTERNOON, month: 1, day: 1 })).toBe('001   1');
  });
});

test('the local time of a moment', () => {
  const date = new Date(2026, 6, 5, 4, 3, 2, 1);
  const time = localGoTime(date);
  expect(time).toMatchObject({ year: 2026, month: 7, day: 5, hour: 4, minute: 3, second: 2, nanosecond: 1_000_000 });
  expect(time.offset).toBe(-date.getTimezoneOffset() * 60);
  expect(time.zone).toMatch(/^([A-Z]{3,}|[-+]\d{2,4})$/);
});
