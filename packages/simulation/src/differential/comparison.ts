// Two things that must do the same, tried with the same random inputs.

import type { Random } from '@kcptun/testkit';

/** A comparison that can be tried as often as one likes. */
export interface Comparison {
  readonly name: string;
  /** Why it cannot be tried here; `undefined` when it can. */
  readonly missing?: string | undefined;
  /** Tries once; the text says what differs. */
  run(random: Random): string | undefined;
}

/** Whether two arrays have the same bytes. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

/** The first byte at which two arrays differ, as text; `undefined` when they are equal. */
export function difference(what: string, a: Uint8Array, b: Uint8Array): string | undefined {
  if (equalBytes(a, b)) return undefined;
  const at = a.findIndex((byte, index) => byte !== b[index]);
  return `${what}: ${a.length} and ${b.length} bytes, different at ${at < 0 ? a.length : at}`;
}

/** Random bytes, of which some compress. */
export function drawBytes(random: Random, length: number): Uint8Array {
  const bytes = random.bytes(length);
  if (random.chance(0.5)) for (let at = 16; at < length; at++) if (random.chance(0.9)) bytes[at] = bytes[at - 16] as number;
  return bytes;
}
