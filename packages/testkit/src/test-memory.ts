// Memory for tests: with KCPTUN_NO_WASM=1 without kernels, so that a run with the switch tests what runs where there are none.

import { Arena } from '@kcptun/common';

/**
 * Makes an arena for a test.
 * @param byteLength - its size in bytes (default: that of {@link Arena})
 */
export function createTestMemory(byteLength?: number): Arena {
  return new Arena({ wasm: process.env['KCPTUN_NO_WASM'] !== '1', ...(byteLength === undefined ? {} : { byteLength }) });
}
