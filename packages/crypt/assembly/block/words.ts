// Words and look-ups of the table ciphers.

import { AT } from './lanes';

/** Eight bytes as a big-endian number: its high half is the first word of a block. */
@inline export function loadBlock(at: usize): u64 {
  return swapped(v128.load64_zero(at));
}

/** Reverses the bytes of the low half; one shuffle takes less than the shifts of `bswap`. */
@inline function swapped(block: v128): u64 {
  return i64x2.extract_lane(v128.shuffle<i8>(block, block, 7, 6, 5, 4, 3, 2, 1, 0, 7, 6, 5, 4, 3, 2, 1, 0), 0);
}

@inline export function storeBlock(at: usize, block: u64): void {
  store<u64>(at, swapped(i64x2.splat(block)));
}

/** XORs the next block of a lane with its keystream; returns the lane's feedback. `mask` is all ones to seal, 0 to open. */
@inline export function apply(lane: usize, keystream: u64, mask: u64): u64 {
  const at = load<u32>(lane, AT);
  const block = loadBlock(at);
  storeBlock(at, block ^ keystream);
  store<u32>(lane, at + 8, AT);
  return block ^ (keystream & mask);
}

/** XORs the next 16-byte block of a lane with its keystream, in the byte order of the packet; returns the lane's feedback. */
@inline export function apply128(lane: usize, keystream: v128, mask: u64): v128 {
  const at = load<u32>(lane, AT);
  const block = v128.load(at);
  v128.store(at, v128.xor(block, keystream));
  store<u32>(lane, at + 16, AT);
  return v128.xor(block, v128.and(keystream, i64x2.splat(mask)));
}

/** Four words as a block. */
@inline export function pack(a: u32, b: u32, c: u32, d: u32): v128 {
  return i32x4.replace_lane(i32x4.replace_lane(i32x4.replace_lane(i32x4.splat(a), 1, b), 2, c), 3, d);
}

// Where in a table of 256 words the one is that byte 3 (the highest) to 0 of a word selects.

@inline export function slot3(word: u32): usize {
  return (word >> 22) & 0x3fc;
}

@inline export function slot2(word: u32): usize {
  return (word >> 14) & 0x3fc;
}

@inline export function slot1(word: u32): usize {
  return (word >> 6) & 0x3fc;
}

@inline export function slot0(word: u32): usize {
  return (word << 2) & 0x3fc;
}
