// Which block codec compresses, chosen in one place.

import type { BlockCodec } from '@kcptun/comp';
import { selectCodec } from '@kcptun/comp/node';

/** The codec for a compressed tunnel, or `undefined` for an uncompressed one. */
export function openCodec(compression: boolean): BlockCodec | undefined {
  return compression ? selectCodec() : undefined;
}
