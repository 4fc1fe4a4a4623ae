// The named modes as the command line sees them, and the four numbers that they set
// (PROTOCOL tunnel §4).

import { MODES } from '@kcptun/kcp-core';

/** The options that a named mode sets. */
export const MODE_NUMBERS: readonly string[] = Object.keys(MODES.fast);

/** Whether a value of `--mode` is one that sets the four numbers itself. */
export function isNamedMode(mode: unknown): mode is keyof typeof MODES {
  return typeof mode === 'string' && Object.hasOwn(MODES, mode);
}
