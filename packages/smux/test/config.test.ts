// Settings: defaults, upstream's checks with its texts, programming errors.

import { expect, test } from 'vitest';
import { DEFAULT_MAX_STREAMS, parseSmuxConfig, type SmuxConfig, SmuxError } from '../src/index.ts';

test('defaults', () => {
  expect(parseSmuxConfig()).toEqual({
    version: 2,
    maxFrameSize: 8192,
    maxReceiveBuffer: 4_194_304,
    maxStreamBuffer: 2_097_152,
    keepAliveInterval: 10_000,
    keepAliveTimeout: 30_000,
    acceptBacklog: 1024,
    maxStreams: DEFAULT_MAX_STREAMS,
  });
  expect(Object.isFrozen(parseSmuxConfig({ version: 1 }))).toBe(true);
});

test.each<[Partial<SmuxConfig> | { version: number }, string]>([
  [{ version: 3 }, 'unsupported protocol version'],
  [{ keepAliveInterval: -1 }, 'keep-alive interval must be positive'],
  [{ keepAliveInterval: 30_001 }, 'keep-alive timeout must be larger than keep-alive interval'],
  [{ maxFrameSize: 0 }, 'max frame size must be positive'],
  [{ maxFrameSize: 65_536 }, 'max frame size must not be larger than 65535'],
  [{ maxReceiveBuffer: 0 }, 'max receive buffer must be positive'],
  [{ maxReceiveBuffer: 2_147_483_648 }, 'max receive buffer cannot be larger than 2147483647'],
  [{ maxStreamBuffer: 0 }, 'max stream buffer must be positive'],
  [{ maxStreamBuffer: 4_194_305 }, 'max stream buffer must not be larger than max receive buffer'],
])('%j is refused with upstream’s text', (input, message) => {
  expect(() => parseSmuxConfig(input as Partial<SmuxConfig>)).toThrow(new SmuxError('KCPTUN_ERR_SMUX_CONFIG', message));
});

test('what upstream accepts is accepted', () => {
  const edge = { keepAliveInterval: 30_000, maxFrameSize: 65_535, maxReceiveBuffer: 2_147_483_647, maxStreamBuffer: 2_147_483_647 };
  expect(parseSmuxConfig(edge)).toMatchObject(edge);
  expect(parseSmuxConfig({ maxFrameSize: 1, maxReceiveBuffer: 1, maxStreamBuffer: 1, keepAliveInterval: 0 }).maxStreamBuffer).toBe(1);
});

test('programming errors name the setting', () => {
  expect(() => parseSmuxConfig({ maxFrameSize: 1.5 })).toThrow(new TypeError('maxFrameSize must be an integer, got 1.5'));
  expect(() => parseSmuxConfig({ keepAliveTimeout: Number.NaN })).toThrow(TypeError);
  expect(() => parseSmuxConfig({ acceptBacklog: 0 })).toThrow(RangeError);
  expect(() => parseSmuxConfig({ maxStreams: 0 })).toThrow(RangeError);
});
