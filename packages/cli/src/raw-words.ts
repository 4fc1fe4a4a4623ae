// Keys that are not UTF-8, as terminals in GBK or Latin-1 write them. Node decodes the command line
// and the environment and loses such bytes; Linux shows them in /proc. Until a key is used, a byte
// that is no UTF-8 stands in a text as a lone surrogate, U+DC80 to U+DCFF, which no text can have.

import { readFileSync } from 'node:fs';

/** What stands in a text for what was lost for good. */
const LOST = '\uDFFF';
const REPLACEMENT = '\uFFFD';
const BYTE_MARKS = 0xdc00;

/** Reads a file of the process, or throws. */
type ReadBytes = (path: string) => Uint8Array;

/**
 * The words of a command line with their bytes.
 * @param decoded - what Node made of them
 */
export function rawArguments(decoded: readonly string[], read: ReadBytes = readFileSync, system: string = process.platform): string[] {
  if (!decoded.some((word) => word.includes(REPLACEMENT))) return [...decoded];
  const words = splitAtZeros(read, '/proc/self/cmdline').slice(-decoded.length);
  return decoded.map((word, index) => recover(word, words[index], system));
}

/** An environment with the bytes of a variable. */
export function rawEnvironment<E extends Readonly<Record<string, string | undefined>>>(
  decoded: E,
  name: string,
  read: ReadBytes = readFileSync,
  system: string = process.platform,
): E {
  const value = decoded[name];
  if (value?.includes(REPLACEMENT) !== true) return decoded;
  const start = new TextEncoder().encode(`${name}=`);
  const entry = splitAtZeros(read, '/proc/self/environ').find((each) => start.every((byte, index) => each[index] === byte));
  return { ...decoded, [name]: recover(value, entry?.subarray(start.length), system) };
}

/** Whether bytes of a text were lost. */
export function isLost(text: string): boolean {
  return text.includes(LOST);
}

/** A key as it is used: bytes where it is not UTF-8. */
export function keyOf(text: string): string | Uint8Array {
  if (!/[\uDC80-\uDCFF]/u.test(text)) return text;
  const encoder = new TextEncoder();
  return Uint8Array.from(
    [...text].flatMap((char) => {
      const code = char.codePointAt(0) as number;
      return code >= 0xdc80 && code <= 0xdcff ? [code - BYTE_MARKS] : [...encoder.encode(char)];
    }),
  );
}

/** A text with U+FFFD for each lone half of a surrogate pair, as Go reads them in JSON. */
export function wellFormed(text: string): string {
  return Buffer.from(text).toString();
}

/** The text of a file as the Go programs read it: U+FFFD for each byte that is no UTF-8, where Node has one for several. */
export function decodeAsGo(bytes: Uint8Array): string {
  return decode(bytes, () => REPLACEMENT);
}

/** Text for what Node has decoded, if these are its bytes. Windows has no bytes there, and loses nothing. */
function recover(decoded: string, bytes: Uint8Array | undefined, system: string): string {
  if (!decoded.includes(REPLACEMENT) || system === 'win32') return decoded;
  if (bytes === undefined || outline(Buffer.from(bytes).toString()) !== outline(decoded)) return decoded.replaceAll(REPLACEMENT, LOST);
  return decode(bytes, (byte) => String.fromCharCode(BYTE_MARKS + byte));
}

/** Decoders differ in how many characters they have for bytes they cannot read. */
function outline(text: string): string {
  return text.replace(/\uFFFD+/g, REPLACEMENT);
}

function splitAtZeros(read: ReadBytes, path: string): Uint8Array[] {
  let bytes: Uint8Array;
  try {
    bytes = read(path);
  } catch {
    return [];
  }
  const parts: Uint8Array[] = [];
  for (let start = 0; start < bytes.length; ) {
    const end = bytes.indexOf(0, start);
    parts.push(bytes.subarray(start, end < 0 ? bytes.length : end));
    start = end < 0 ? bytes.length : end + 1;
  }
  return parts;
}

function decode(bytes: Uint8Array, replace: (byte: number) => string): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const parts: string[] = [];
  let start = 0;
  for (let at = 0; at < bytes.length; ) {
    const length = sequenceLength(bytes, at);
    if (length > 0) {
      at += length;
      continue;
    }
    parts.push(buffer.toString('utf8', start, at), replace(bytes[at] as number));
    at += 1;
    start = at;
  }
  return parts.join('') + buffer.toString('utf8', start);
}

/** Bytes of the character that begins at `at`; 0 when none does (RFC 3629 §4). */
function sequenceLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at] as number;
  if (first < 0x80) return 1;
  const length = first >= 0xc2 && first <= 0xdf ? 2 : first >= 0xe0 && first <= 0xef ? 3 : first >= 0xf0 && first <= 0xf4 ? 4 : 0;
  for (let index = 1; index < length; index++) {
    const byte = bytes[at + index] ?? 0;
    const [least, most] = index === 1 ? secondByte(first) : [0x80, 0xbf];
    if (byte < least || byte > most) return 0;
  }
  return length;
}

/** The range of the second byte, which excludes what is too long, surrogates, and what is beyond U+10FFFF. */
function secondByte(first: number): readonly [number, number] {
  if (first === 0xe0) return [0xa0, 0xbf];
  if (first === 0xed) return [0x80, 0x9f];
  if (first === 0xf0) return [0x90, 0xbf];
  if (first === 0xf4) return [0x80, 0x8f];
  return [0x80, 0xbf];
}
