// Bytes to send in tests. The pattern is a function of (seed, position), so a stream can be checked piece by piece at
// any position without keeping what was sent; pieces that were lost, doubled or swapped show at once. Of its blocks of
// 4 KiB about one half is noise and the other repeats a row of 64 bytes, so that compressors take both of their ways.

const BLOCK_BYTES = 4096;
const BLOCK_WORDS = BLOCK_BYTES / 4;
const ROW_WORDS = 16;

/**
 * Fills `target` with the pattern of `seed`, as it stands at `position`.
 * @param target - is overwritten
 * @param seed - any number; its low 32 bits count
 * @param position - of the first byte of `target` in the stream, in bytes (default 0)
 */
export function fillPattern(target: Uint8Array, seed: number, position = 0): void {
  let at = 0;
  while (at < target.length) {
    // From here to the end of the block: its kind is looked up once.
    const first = position + at;
    const block = Math.floor(first / BLOCK_BYTES);
    const end = Math.min(target.length, at + (block + 1) * BLOCK_BYTES - first);
    const kind = mix(seed ^ Math.imul(block, 0x85eb_ca6b));
    // A row differs from block to block, so that a repeating block still tells its place.
    const indexMask = (kind & 1) === 0 ? ROW_WORDS - 1 : BLOCK_WORDS - 1;
    let offset = first - block * BLOCK_BYTES;
    let word = mix(kind + ((offset >> 2) & indexMask));
    for (; at < end; at++, offset++) {
      if ((offset & 3) === 0) word = mix(kind + ((offset >> 2) & indexMask));
      target[at] = word >>> ((offset & 3) * 8);
    }
  }
}

/** The first `length` bytes of the pattern of `seed`, or `length` bytes of it from `position` on. */
export function patternBytes(length: number, seed: number, position = 0): Uint8Array {
  const bytes = new Uint8Array(length);
  fillPattern(bytes, seed, position);
  return bytes;
}

/**
 * Compares received bytes with the pattern of `seed` at `position`.
 * @returns the index in `bytes` of the first difference, or -1 when all are equal
 */
export function checkPattern(bytes: Uint8Array, seed: number, position = 0): number {
  const expected = patternBytes(bytes.length, seed, position);
  for (let at = 0; at < bytes.length; at++) {
    if (bytes[at] !== expected[at]) return at;
  }
  return -1;
}

/** Lower-case hexadecimal digits of bytes. */
export function toHex(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += (byte + 0x100).toString(16).slice(1);
  return text;
}

/**
 * Bytes from hexadecimal digits; white space between bytes is allowed.
 * @throws {TypeError} when the text is something else
 */
export function fromHex(text: string): Uint8Array {
  const digits = text.replace(/\s+/g, '');
  if (!/^(?:[0-9a-f]{2})*$/i.test(digits)) throw new TypeError('text must be pairs of hexadecimal digits');
  const bytes = new Uint8Array(digits.length / 2);
  for (let at = 0; at < bytes.length; at++) bytes[at] = Number.parseInt(digits.slice(at * 2, at * 2 + 2), 16);
  return bytes;
}

function mix(value: number): number {
  let mixed = value ^ (value >>> 16);
  mixed = Math.imul(mixed, 0x7feb_352d);
  mixed ^= mixed >>> 15;
  mixed = Math.imul(mixed, 0x846c_a68b);
  return mixed ^ (mixed >>> 16);
}
