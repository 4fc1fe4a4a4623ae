// Words of 32 bits, big endian as most block ciphers want them. Values are signed 32-bit numbers, which V8 keeps in
// registers; `>>> 0` would make it box half of them.

/** Reads four bytes as a big-endian word. */
export function readWord(bytes: Uint8Array, offset: number): number {
  return (bytes[offset]! << 24) | (bytes[offset + 1]! << 16) | (bytes[offset + 2]! << 8) | bytes[offset + 3]!;
}

/** Writes a word as four bytes, big endian. */
export function writeWord(bytes: Uint8Array, offset: number, word: number): void {
  bytes[offset] = word >>> 24;
  bytes[offset + 1] = word >>> 16;
  bytes[offset + 2] = word >>> 8;
  bytes[offset + 3] = word;
}

/** Rotates a word left by 0 to 31 bits. */
export function rotateLeft(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}

/** Reverses the bytes of a word. */
export function swapBytes(word: number): number {
  return (word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24);
}

/** Parses a table written as hexadecimal words of eight digits; white space between words is ignored. */
export function parseWords(text: string): Int32Array {
  const words = text.match(/[0-9a-f]{8}/g) ?? [];
  return Int32Array.from(words, (word) => Number.parseInt(word, 16));
}
