// A CRC-32C without tables: a multiple of the polynomial with six terms says where bits may be moved without changing the CRC,
//
//   x^209 = x^144 + x^54 + x^39 + x^14 + 1   modulo the polynomial
//
// and so does its 32nd power, which has the same terms at 32 times the exponents. So a word may be added to those 65, 155, 170, 195
// and 209 words behind it and then left out. Done for all words but the last 209, only those are left to compute. The order of the
// bytes in a word does not matter. assembly/snappy.ts does the same with vectors.

/** How far behind a word the words are to which it is added. */
export const HOPS = [65, 155, 170, 195, 209] as const;
const [HOP_1, HOP_2, HOP_3, HOP_4, HOP_5] = HOPS;

/** The least length for which it pays, in bytes. */
export const SPARSE_FROM = 2048;

/** Words that are reduced before the last ones are moved to the front. */
const STRETCH = 2048;
const work = /* @__PURE__ */ new Int32Array(HOP_5 + STRETCH + HOP_5 + 1);
const workBytes = /* @__PURE__ */ new Uint8Array(work.buffer);

/** Where in {@link reducedBytes} the result of {@link reduceSparse} begins. */
export const REDUCED_AT: number = HOP_5 * 4;

/** The memory in which {@link reduceSparse} leaves its result, until its next call. */
export function reducedBytes(): Uint8Array {
  return workBytes;
}

/**
 * Reduces bytes to fewer with the same CRC register behind them when it starts as 0.
 * @param bytes - source; `bytes.byteOffset + offset` is a multiple of 4
 * @param length - at least {@link SPARSE_FROM}
 * @param register - the CRC register in front of the first byte
 * @returns the number of bytes at {@link REDUCED_AT} of {@link reducedBytes}
 */
export function reduceSparse(bytes: Uint8Array, offset: number, length: number, register: number): number {
  const cut = (length >>> 2) - HOP_5;
  const source = new Int32Array(bytes.buffer, bytes.byteOffset + offset, length >>> 2);
  const v = work;
  v.fill(0, 0, HOP_5);
  let at = HOP_5;
  for (let index = 0; index < cut; index++) {
    if (at === HOP_5 + STRETCH) {
      v.copyWithin(0, at - HOP_5, at);
      at = HOP_5;
    }
    v[at] = source[index]! ^ v[at - HOP_1]! ^ v[at - HOP_2]! ^ v[at - HOP_3]! ^ v[at - HOP_4]! ^ v[at - HOP_5]!;
    if (index === 0) addRegister(register);
    at += 1;
  }
  // What arrives in the last words comes from in front of them only.
  v.copyWithin(0, at - HOP_5, at);
  v.fill(0, HOP_5, 2 * HOP_5);
  for (let index = 0; index < HOP_5; index++) {
    const from = index + HOP_5;
    tail[index] = source[cut + index]! ^ v[from - HOP_1]! ^ v[from - HOP_2]! ^ v[from - HOP_3]! ^ v[from - HOP_4]! ^ v[index]!;
  }
  v.set(tail, HOP_5);
  const rest = length & 3;
  for (let index = 0; index < rest; index++) workBytes[8 * HOP_5 + index] = bytes[offset + length - rest + index]!;
  return HOP_5 * 4 + rest;
}

const tail = /* @__PURE__ */ new Int32Array(HOP_5);

/** Adds the register to the first word, whose first byte it meets with its lowest. */
function addRegister(register: number): void {
  for (let byte = 0; byte < 4; byte++) workBytes[HOP_5 * 4 + byte] = workBytes[HOP_5 * 4 + byte]! ^ (register >>> (8 * byte));
}
