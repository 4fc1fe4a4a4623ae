// Kernels of the packet ciphers. No static data: every table, key and work area is an offset that the caller has filled.
// Packets are changed within their length only; up to 15 bytes behind one may be read.

// --- CRC-32 --------------------------------------------------------------------------------------------------------------
//
// A message may be changed by any multiple of the CRC polynomial P. Where Q(x) = x^n + x^a + x^b + .. + 1 is a multiple of P, so
// is Q(x)^8 = Q(x^8): the same pattern in bytes instead of bits. Subtracting it cancels a byte at the front and adds that byte
// at the distances n-a, n-b, .. n behind it, which SIMD does for 16 bytes at once, as byte shifts are unaligned loads:
//
//   folded[i] = message[i] ^ folded[i - d1] ^ folded[i - d2] ..        for all i but the last n;  those are the message now
//
// Q = x^300 + x^155 + x^117 + x^89 + 1 is the multiple of fewest terms below degree 500, x^137 + x^84 + x^80 + x^70 + x^29 + x^8 + 1
// one of the shortest whose distances are all longer than a vector. The last 137 bytes go through tables.

const LONG: usize = 300;
const SHORT: usize = 137;
/** From this many bytes on folding by LONG pays, below SHORT_LEAST plain tables are faster. */
const LONG_LEAST: usize = 640;
const SHORT_LEAST: usize = 208;
// The work area: zeros in front of each folded message, and what is left of it.
const LONG_FOLDED: usize = 304;
const LONG_REST: usize = 2176;
const SHORT_FOLDED: usize = 2688;
const SHORT_REST: usize = 3664;

@inline function lookUp(tables: usize, table: usize, word: u64, shift: u64): u32 {
  return load<u32>(tables + (table << 10) + ((<usize>(word >> shift) & 0xff) << 2));
}

/**
 * CRC register after `length` bytes: sixteen tables, sixteen bytes a step. Only four lookups of a step wait for the step before, and
 * they come last: nothing between turns the order of the exclusive ors.
 */
function crcByTables(src: usize, length: usize, tables: usize, register: u32): u32 {
  let crc = register;
  const end = src + length;
  for (; src + 16 <= end; src += 16) {
    const low = load<u64>(src);
    const high = load<u64>(src, 8);
    const rest = lookUp(tables, 11, low, 32) ^ lookUp(tables, 10, low, 40) ^ lookUp(tables, 9, low, 48) ^ lookUp(tables, 8, low, 56)
      ^ lookUp(tables, 7, high, 0) ^ lookUp(tables, 6, high, 8) ^ lookUp(tables, 5, high, 16) ^ lookUp(tables, 4, high, 24)
      ^ lookUp(tables, 3, high, 32) ^ lookUp(tables, 2, high, 40) ^ lookUp(tables, 1, high, 48) ^ lookUp(tables, 0, high, 56);
    const first = <u64>(<u32>low ^ crc);
    crc = rest ^ ((lookUp(tables, 15, first, 0) ^ lookUp(tables, 14, first, 8)) ^ (lookUp(tables, 13, first, 16) ^ lookUp(tables, 12, first, 24)));
  }
  for (; src < end; src++) crc = (crc >> 8) ^ lookUp(tables, 0, <u64>(crc ^ <u32>load<u8>(src)), 0);
  return crc;
}

@inline function foldLong(src: usize, folded: usize): v128 {
  return v128.xor(
    v128.xor(v128.xor(v128.load(src), v128.load(folded - 145)), v128.xor(v128.load(folded - 183), v128.load(folded - 211))),
    v128.load(folded - LONG),
  );
}

@inline function foldShort(src: usize, folded: usize): v128 {
  return v128.xor(
    v128.xor(v128.xor(v128.load(src), v128.load(folded - 53)), v128.xor(v128.load(folded - 57), v128.load(folded - 67))),
    v128.xor(v128.xor(v128.load(folded - 108), v128.load(folded - 129)), v128.load(folded - SHORT)),
  );
}

@inline function clear(target: usize, length: usize): void {
  for (let at: usize = 0; at < length; at += 16) v128.store(target + at, i64x2.splat(0));
}

/** CRC-32 of `length` bytes (at most 1520). `work` are 4096 bytes, zero before the first use; `tables` sixteen slicing tables. */
export function crc32(src: usize, length: usize, work: usize, tables: usize): u32 {
  if (length < SHORT_LEAST) return ~crcByTables(src, length, tables, 0xffffffff);
  // The register's initial ones are the same as a message that begins with its first 32 bits inverted.
  let first = i32x4(-1, 0, 0, 0);
  if (length >= LONG_LEAST) {
    const folded = work + LONG_FOLDED;
    const rest = work + LONG_REST;
    const count = (length - LONG) & ~15;
    v128.store(folded, v128.xor(v128.load(src), first));
    let at: usize = 16;
    for (; at < count; at += 16) v128.store(folded + at, foldLong(src + at, folded + at));
    clear(folded + count, LONG + 20);
    for (; at < length; at += 16) v128.store(rest + at - count, foldLong(src + at, folded + at));
    src = rest;
    length -= count;
    first = i32x4.splat(0);
  }
  const folded = work + SHORT_FOLDED;
  const rest = work + SHORT_REST;
  const count = (length - SHORT) & ~15;
  v128.store(folded, v128.xor(v128.load(src), first));
  let at: usize = 16;
  for (; at < count; at += 16) v128.store(folded + at, foldShort(src + at, folded + at));
  clear(folded + count, SHORT + 23);
  for (; at < length; at += 16) v128.store(rest + at - count, foldShort(src + at, folded + at));
  return ~crcByTables(rest, length - count, tables, 0);
}

// --- XOR -----------------------------------------------------------------------------------------------------------------

/** target ^= source. */
export function xor(target: usize, source: usize, length: usize): void {
  let at: usize = 0;
  for (; at + 16 <= length; at += 16) v128.store(target + at, v128.xor(v128.load(target + at), v128.load(source + at)));
  for (; at < length; at++) store<u8>(target + at, load<u8>(target + at) ^ load<u8>(source + at));
}

// --- CFB by rows ---------------------------------------------------------------------------------------------------------
// Row r of a batch are the r-th blocks of its packets. The next row's keystream is the encryption of this row's ciphertext,
// which a cipher in ECB mode computes for all packets at once.

/**
 * Seals row `row` in place and puts its ciphertext blocks at `next`, one behind the other.
 * `lanes` holds start and end of each packet as pairs of u32; `keystream` one block for each. Packets that ended before are passed over.
 */
export function cfbRow(lanes: usize, count: usize, row: usize, keystream: usize, next: usize): void {
  const end = lanes + (count << 3);
  const shift = row << 4;
  for (; lanes < end; lanes += 8) {
    const block = <usize>load<u32>(lanes) + shift;
    const stop = <usize>load<u32>(lanes, 4);
    if (block + 16 <= stop) {
      const sealed = v128.xor(v128.load(block), v128.load(keystream));
      v128.store(block, sealed);
      v128.store(next, sealed);
    } else if (block < stop) {
      xor(block, keystream, stop - block);
    }
    keystream += 16;
    next += 16;
  }
}

// --- Salsa20/20 ----------------------------------------------------------------------------------------------------------
// Four blocks at once: lane k of a vector is a word of block k.

@inline function rotated(a: v128, b: v128, left: i32): v128 {
  const sum = i32x4.add(a, b);
  return v128.or(i32x4.shl(sum, left), i32x4.shr_u(sum, 32 - left));
}

/** Writes words 4 * row .. 4 * row + 3 of the four blocks: added to the initial state, turned from lanes to blocks. */
@inline function salsaStore(out: usize, a: v128, b: v128, c: v128, d: v128): void {
  const ab0 = v128.shuffle<i32>(a, b, 0, 4, 1, 5);
  const ab1 = v128.shuffle<i32>(a, b, 2, 6, 3, 7);
  const cd0 = v128.shuffle<i32>(c, d, 0, 4, 1, 5);
  const cd1 = v128.shuffle<i32>(c, d, 2, 6, 3, 7);
  v128.store(out, v128.shuffle<i64>(ab0, cd0, 0, 2));
  v128.store(out, v128.shuffle<i64>(ab0, cd0, 1, 3), 64);
  v128.store(out, v128.shuffle<i64>(ab1, cd1, 0, 2), 128);
  v128.store(out, v128.shuffle<i64>(ab1, cd1, 1, 3), 192);
}

/**
 * XORs all but the first 8 bytes of a packet with the keystream that these 8 bytes and the key give.
 * `state` holds the 16 initial words with nonce and counter 0, and behind them 256 bytes of work space.
 */
export function salsa20(packet: usize, length: usize, state: usize): void {
  if (length <= 8) return;
  const n0 = v128.load32_splat(packet);
  const n1 = v128.load32_splat(packet, 4);
  const work = state + 64;
  const end = packet + length;
  let counter = i32x4(0, 1, 2, 3);
  for (let at = packet + 8; at < end; at += 256) {
    let x0 = v128.load32_splat(state);
    let x1 = v128.load32_splat(state, 4);
    let x2 = v128.load32_splat(state, 8);
    let x3 = v128.load32_splat(state, 12);
    let x4 = v128.load32_splat(state, 16);
    let x5 = v128.load32_splat(state, 20);
    let x6 = n0;
    let x7 = n1;
    let x8 = counter;
    let x9 = i32x4.splat(0);
    let x10 = v128.load32_splat(state, 40);
    let x11 = v128.load32_splat(state, 44);
    let x12 = v128.load32_splat(state, 48);
    let x13 = v128.load32_splat(state, 52);
    let x14 = v128.load32_splat(state, 56);
    let x15 = v128.load32_splat(state, 60);
    for (let round = 0; round < 10; round++) {
      x4 = v128.xor(x4, rotated(x0, x12, 7));
      x8 = v128.xor(x8, rotated(x4, x0, 9));
      x12 = v128.xor(x12, rotated(x8, x4, 13));
      x0 = v128.xor(x0, rotated(x12, x8, 18));
      x9 = v128.xor(x9, rotated(x5, x1, 7));
      x13 = v128.xor(x13, rotated(x9, x5, 9));
      x1 = v128.xor(x1, rotated(x13, x9, 13));
      x5 = v128.xor(x5, rotated(x1, x13, 18));
      x14 = v128.xor(x14, rotated(x10, x6, 7));
      x2 = v128.xor(x2, rotated(x14, x10, 9));
      x6 = v128.xor(x6, rotated(x2, x14, 13));
      x10 = v128.xor(x10, rotated(x6, x2, 18));
      x3 = v128.xor(x3, rotated(x15, x11, 7));
      x7 = v128.xor(x7, rotated(x3, x15, 9));
      x11 = v128.xor(x11, rotated(x7, x3, 13));
      x15 = v128.xor(x15, rotated(x11, x7, 18));
      x1 = v128.xor(x1, rotated(x0, x3, 7));
      x2 = v128.xor(x2, rotated(x1, x0, 9));
      x3 = v128.xor(x3, rotated(x2, x1, 13));
      x0 = v128.xor(x0, rotated(x3, x2, 18));
      x6 = v128.xor(x6, rotated(x5, x4, 7));
      x7 = v128.xor(x7, rotated(x6, x5, 9));
      x4 = v128.xor(x4, rotated(x7, x6, 13));
      x5 = v128.xor(x5, rotated(x4, x7, 18));
      x11 = v128.xor(x11, rotated(x10, x9, 7));
      x8 = v128.xor(x8, rotated(x11, x10, 9));
      x9 = v128.xor(x9, rotated(x8, x11, 13));
      x10 = v128.xor(x10, rotated(x9, x8, 18));
      x12 = v128.xor(x12, rotated(x15, x14, 7));
      x13 = v128.xor(x13, rotated(x12, x15, 9));
      x14 = v128.xor(x14, rotated(x13, x12, 13));
      x15 = v128.xor(x15, rotated(x14, x13, 18));
    }
    salsaStore(work, i32x4.add(x0, v128.load32_splat(state)), i32x4.add(x1, v128.load32_splat(state, 4)),
      i32x4.add(x2, v128.load32_splat(state, 8)), i32x4.add(x3, v128.load32_splat(state, 12)));
    salsaStore(work + 16, i32x4.add(x4, v128.load32_splat(state, 16)), i32x4.add(x5, v128.load32_splat(state, 20)),
      i32x4.add(x6, n0), i32x4.add(x7, n1));
    salsaStore(work + 32, i32x4.add(x8, counter), x9,
      i32x4.add(x10, v128.load32_splat(state, 40)), i32x4.add(x11, v128.load32_splat(state, 44)));
    salsaStore(work + 48, i32x4.add(x12, v128.load32_splat(state, 48)), i32x4.add(x13, v128.load32_splat(state, 52)),
      i32x4.add(x14, v128.load32_splat(state, 56)), i32x4.add(x15, v128.load32_splat(state, 60)));
    xor(at, work, min<usize>(256, end - at));
    counter = i32x4.add(counter, i32x4.splat(4));
  }
}

// --- GCM -----------------------------------------------------------------------------------------------------------------
// Counter blocks to be encrypted elsewhere, XOR with the result, and GHASH without tables or branches on secret data: there is no
// carry-less multiplication in WebAssembly, but an integer multiplication is one as long as no carry reaches a bit that counts.
// So operands are split into four parts of every fourth bit; sums of up to 15 fit between (the sixteenth is at the very top).
//
// GHASH has the lowest power in the highest bit of byte 0. n = the bytes as a big-endian number, r = n with its bits reversed: the low
// half of n * h gives the low half of the product, the low half of r * reverse(h), reversed, the high one.
// key: for each of h0, h1, h0 ^ h1 (low, high half), and then for their reversals, the four parts as u64.

const M0: u64 = 0x1111111111111111;
const M1: u64 = 0x2222222222222222;
const M2: u64 = 0x4444444444444444;
const M3: u64 = 0x8888888888888888;

/** The low 64 bits of the carry-less product of x and a number whose four parts are at `key`. */
@inline function multiply(x: u64, key: usize): u64 {
  const x0 = x & M0;
  const x1 = x & M1;
  const x2 = x & M2;
  const x3 = x & M3;
  const k0 = load<u64>(key);
  const k1 = load<u64>(key, 8);
  const k2 = load<u64>(key, 16);
  const k3 = load<u64>(key, 24);
  return (((x0 * k0) ^ (x1 * k3) ^ (x2 * k2) ^ (x3 * k1)) & M0)
    | (((x0 * k1) ^ (x1 * k0) ^ (x2 * k3) ^ (x3 * k2)) & M1)
    | (((x0 * k2) ^ (x1 * k1) ^ (x2 * k0) ^ (x3 * k3)) & M2)
    | (((x0 * k3) ^ (x1 * k2) ^ (x2 * k1) ^ (x3 * k0)) & M3);
}

/** Reverses the bits of every byte. */
@inline function reverseBits(value: v128): v128 {
  const reversed = i8x16(0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15);
  const mask = i8x16.splat(0x0f);
  const low = i8x16.swizzle(reversed, v128.and(value, mask));
  const high = i8x16.swizzle(reversed, v128.and(i16x8.shr_u(value, 4), mask));
  return v128.or(i16x8.shl(low, 4), high);
}

@inline function reverseBytes(value: v128): v128 {
  return v128.shuffle<i8>(value, value, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
}

/** One step of GHASH: the block times H. */
function timesH(block: v128, key: usize): v128 {
  const number = reverseBytes(block);
  const n0 = i64x2.extract_lane(number, 0);
  const n1 = i64x2.extract_lane(number, 1);
  const bits = reverseBits(block);
  const r1 = i64x2.extract_lane(bits, 0);
  const r0 = i64x2.extract_lane(bits, 1);
  const low0 = multiply(n0, key);
  const low1 = multiply(n1, key + 32);
  const lowM = multiply(n0 ^ n1, key + 64) ^ low0 ^ low1;
  const high0 = multiply(r0, key + 96);
  const high1 = multiply(r1, key + 128);
  const highM = multiply(r0 ^ r1, key + 160) ^ high0 ^ high1;
  // Reversed once more they are the high halves, one bit too far to the left, as the product has 127 bits.
  const turned = reverseBits(reverseBytes(i64x2.replace_lane(i64x2.splat(high0), 1, high1)));
  const turnedM = reverseBits(reverseBytes(i64x2.splat(highM)));
  const high0r = (<u64>i64x2.extract_lane(turned, 1)) >> 1;
  const high1r = (<u64>i64x2.extract_lane(turned, 0)) >> 1;
  const highMr = (<u64>i64x2.extract_lane(turnedM, 0)) >> 1;
  let v0 = low0;
  let v1 = high0r ^ lowM;
  let v2 = low1 ^ highMr;
  let v3 = high1r;
  // Bit-reversed products are one bit short: shift up, then fold the low 128 bits (the high powers) by x^128 = x^7 + x^2 + x + 1.
  v3 = (v3 << 1) | (v2 >> 63);
  v2 = (v2 << 1) | (v1 >> 63);
  v1 = (v1 << 1) | (v0 >> 63);
  v0 = v0 << 1;
  v2 ^= v0 ^ (v0 >> 1) ^ (v0 >> 2) ^ (v0 >> 7);
  v1 ^= (v0 << 63) ^ (v0 << 62) ^ (v0 << 57);
  v3 ^= v1 ^ (v1 >> 1) ^ (v1 >> 2) ^ (v1 >> 7);
  v2 ^= (v1 << 63) ^ (v1 << 62) ^ (v1 << 57);
  return reverseBytes(i64x2.replace_lane(i64x2.splat(v2), 1, v3));
}

/** The tag of a ciphertext without additional data; `mask` is the encrypted first counter block. `key + 192` is work space of 16 bytes. */
@inline function tagOf(data: usize, length: usize, key: usize, mask: usize): v128 {
  let sum = i64x2.splat(0);
  let at: usize = 0;
  for (; at + 16 <= length; at += 16) sum = timesH(v128.xor(sum, v128.load(data + at)), key);
  if (at < length) {
    v128.store(key, i64x2.splat(0), 192);
    memory.copy(key + 192, data + at, length - at);
    sum = timesH(v128.xor(sum, v128.load(key, 192)), key);
  }
  const bits = reverseBytes(i64x2.replace_lane(i64x2.splat(0), 0, <u64>length << 3));
  return v128.xor(timesH(v128.xor(sum, bits), key), v128.load(mask));
}

/** Writes `count` counter blocks of the 12-byte nonce, from 1 on. */
export function gcmCounters(nonce: usize, count: u32, target: usize): void {
  const low = load<u64>(nonce);
  const high = load<u32>(nonce, 8);
  for (let index: u32 = 1; index <= count; index++, target += 16) {
    store<u64>(target, low);
    store<u32>(target, high, 8);
    // Big endian; a packet has less than 256 blocks.
    store<u32>(target, index << 24, 12);
  }
}

/** Encrypts `length` bytes in place and writes the tag behind them; `keystream` are the encrypted counter blocks. */
export function gcmSeal(data: usize, length: usize, key: usize, keystream: usize): void {
  xor(data, keystream + 16, length);
  v128.store(data + length, tagOf(data, length, key, keystream));
}

/** Decrypts `length` bytes in place if the tag behind them fits, and returns 1; else returns 0. */
export function gcmOpen(data: usize, length: usize, key: usize, keystream: usize): i32 {
  const difference = v128.xor(tagOf(data, length, key, keystream), v128.load(data + length));
  if (v128.any_true(difference)) return 0;
  xor(data, keystream + 16, length);
  return 1;
}
