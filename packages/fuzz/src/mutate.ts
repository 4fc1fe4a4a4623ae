// New inputs from old ones: the usual tricks of a byte fuzzer, several at a time.

import type { Random } from '@kcptun/testkit';

const EDGES = [0, 1, 2, 0x7f, 0x80, 0xfe, 0xff] as const;
const MOST_TRICKS = 6;

/** Changes an input, now and then with pieces of others of the corpus. */
export function mutate(random: Random, corpus: readonly Uint8Array[], maxLength: number): Uint8Array {
  let bytes: Uint8Array = random.pick(corpus).slice();
  for (let trick = random.integer(1, MOST_TRICKS); trick > 0; trick--) bytes = change(random, bytes, corpus);
  return bytes.length > maxLength ? bytes.subarray(0, maxLength) : bytes;
}

function change(random: Random, bytes: Uint8Array, corpus: readonly Uint8Array[]): Uint8Array {
  const at = random.integer(0, bytes.length);
  const length = random.integer(1, random.chance(0.8) ? 8 : 64);
  switch (random.integer(0, 9)) {
    case 0:
    case 1:
      if (at < bytes.length) bytes[at] = random.integer(0, 255);
      return bytes;
    case 2:
      if (at < bytes.length) bytes[at] = random.pick(EDGES);
      return bytes;
    case 3:
      if (at < bytes.length) bytes[at] = bytes[at]! ^ (1 << random.integer(0, 7));
      return bytes;
    case 4: {
      // A little more or less, as a number of up to four bytes.
      let carry = random.integer(-35, 35);
      for (let index = at; index < Math.min(bytes.length, at + 4) && carry !== 0; index++) {
        const sum = bytes[index]! + carry;
        bytes[index] = sum;
        carry = sum >> 8;
      }
      return bytes;
    }
    case 5:
      return splice(bytes, at, 0, random.bytes(length));
    case 6:
      return splice(bytes, at, length, new Uint8Array(0));
    case 7:
      return splice(bytes, at, 0, bytes.subarray(at, at + length));
    case 8: {
      const other = random.pick(corpus);
      const from = random.integer(0, other.length);
      return splice(bytes, at, random.chance(0.5) ? length : 0, other.subarray(from, from + random.integer(1, 256)));
    }
    default:
      bytes.copyWithin(at, random.integer(0, bytes.length), random.integer(0, bytes.length));
      return bytes;
  }
}

function splice(bytes: Uint8Array, at: number, removed: number, added: Uint8Array): Uint8Array {
  const rest = bytes.subarray(Math.min(bytes.length, at + removed));
  const result = new Uint8Array(at + added.length + rest.length);
  result.set(bytes.subarray(0, at));
  result.set(added, at);
  result.set(rest, at + added.length);
  return result;
}
