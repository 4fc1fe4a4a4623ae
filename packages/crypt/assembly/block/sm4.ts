// SM4 in CFB mode, two lanes at a time or one. key: S-box merged with the linear map L, 4 x 256 words, then 32 round keys.

import { FEEDBACK, LANE_SIZE } from './lanes';
import { apply128, pack, slot0, slot1, slot2, slot3 } from './words';

const KEYS: usize = 4096;
const END: usize = KEYS + 128;

@inline function t(x: u32, key: usize): u32 {
  return load<u32>(key + slot3(x)) ^ load<u32>(key + slot2(x), 1024) ^ load<u32>(key + slot1(x), 2048) ^ load<u32>(key + slot0(x), 3072);
}

/** Reverses the bytes of each word. */
@inline function swapped(block: v128): v128 {
  return v128.shuffle<i8>(block, block, 3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12);
}

export function one(lane: usize, blocks: u32, key: usize, mask: u64): void {
  let block = swapped(v128.load(lane + FEEDBACK));
  for (; blocks > 0; blocks--) {
    let a = i32x4.extract_lane(block, 0);
    let b = i32x4.extract_lane(block, 1);
    let c = i32x4.extract_lane(block, 2);
    let d = i32x4.extract_lane(block, 3);
    for (let k = key + KEYS; k < key + END; k += 16) {
      a ^= t(b ^ c ^ d ^ load<u32>(k), key);
      b ^= t(c ^ d ^ a ^ load<u32>(k, 4), key);
      c ^= t(d ^ a ^ b ^ load<u32>(k, 8), key);
      d ^= t(a ^ b ^ c ^ load<u32>(k, 12), key);
    }
    block = swapped(apply128(lane, swapped(pack(d, c, b, a)), mask));
  }
  v128.store(lane, swapped(block), FEEDBACK);
}

export function two(lane: usize, blocks: u32, key: usize, mask: u64): void {
  const lane2 = lane + LANE_SIZE;
  let block = swapped(v128.load(lane + FEEDBACK));
  let block2 = swapped(v128.load(lane2 + FEEDBACK));
  for (; blocks > 0; blocks--) {
    let a = i32x4.extract_lane(block, 0);
    let b = i32x4.extract_lane(block, 1);
    let c = i32x4.extract_lane(block, 2);
    let d = i32x4.extract_lane(block, 3);
    let a2 = i32x4.extract_lane(block2, 0);
    let b2 = i32x4.extract_lane(block2, 1);
    let c2 = i32x4.extract_lane(block2, 2);
    let d2 = i32x4.extract_lane(block2, 3);
    for (let k = key + KEYS; k < key + END; k += 16) {
      a ^= t(b ^ c ^ d ^ load<u32>(k), key);
      a2 ^= t(b2 ^ c2 ^ d2 ^ load<u32>(k), key);
      b ^= t(c ^ d ^ a ^ load<u32>(k, 4), key);
      b2 ^= t(c2 ^ d2 ^ a2 ^ load<u32>(k, 4), key);
      c ^= t(d ^ a ^ b ^ load<u32>(k, 8), key);
      c2 ^= t(d2 ^ a2 ^ b2 ^ load<u32>(k, 8), key);
      d ^= t(a ^ b ^ c ^ load<u32>(k, 12), key);
      d2 ^= t(a2 ^ b2 ^ c2 ^ load<u32>(k, 12), key);
    }
    block = swapped(apply128(lane, swapped(pack(d, c, b, a)), mask));
    block2 = swapped(apply128(lane2, swapped(pack(d2, c2, b2, a2)), mask));
  }
  v128.store(lane, swapped(block), FEEDBACK);
  v128.store(lane2, swapped(block2), FEEDBACK);
}
