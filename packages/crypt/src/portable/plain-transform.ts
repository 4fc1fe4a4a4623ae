// Method `none`: framing without encryption (PROTOCOL crypt §2).

import type { PacketTransform } from '../packet-crypt.ts';

/** Leaves packets as they are. */
export class PlainTransform implements PacketTransform {
  readonly backend: string = 'portable';

  encrypt(): void {}

  decrypt(): number {
    return 0;
  }

  wipe(): void {}
}
