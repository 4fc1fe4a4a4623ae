// Every line of the log has a bound, whoever writes it.

import type { Logger } from '@kcptun/common';
import { expect, test } from 'vitest';
import { boundLines } from '../src/bounded-logger.ts';

function bounded(): { logger: Logger; lines: string[]; advance: (by: number) => void } {
  const lines: string[] = [];
  const write = (text: string): void => void lines.push(text);
  let now = 0;
  const advance = (by: number): void => {
    now += by;
  };
  return { logger: boundLines({ debug: write, info: write, warn: write, error: write }, () => now), lines, advance };
}

test('lines that differ in addresses and numbers only are of one kind', () => {
  const { logger, lines, advance } = bounded();
  for (let at = 0; at < 1000; at++) {
    logger.warn(`session to 10.0.${at >> 8}.${at & 255}:${at} ended: timeout`);
    logger.warn(`session to [fd00::${at.toString(16)}]:${at} ended: timeout`);
  }
  expect(lines.length).toBe(60);
  logger.warn('another kind');
  expect(lines.length).toBe(61);
  advance(60_000);
  logger.warn('session to 10.0.0.1:1 ended: timeout');
  expect(lines.at(-1)).toBe('session to 10.0.0.1:1 ended: timeout (1940 more lines like this were left out)');
});

test('what happens in the ordinary course has a larger bound', () => {
  const { logger, lines } = bounded();
  for (let at = 0; at < 20_000; at++) logger.info(`stream opened in: 127.0.0.1:${at} out: 1.2.3.4:29900(${at})`);
  expect(lines.length).toBe(6000);
});

test('kinds beyond a number share a budget', () => {
  const { logger, lines } = bounded();
  const name = (at: number): string =>
    String.fromCharCode(103 + (at % 20), 103 + (Math.floor(at / 20) % 20), 103 + (Math.floor(at / 400) % 20));
  for (let at = 0; at < 5000; at++) logger.error(`a word from outside: ${name(at)}`);
  expect(lines.length).toBe(256 + 60);
});
