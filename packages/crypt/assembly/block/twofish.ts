// Twofish in CFB mode, two lanes at a time or one. key: S-boxes merged with the MDS matrix, 4 x 256 words, then the 40 subkeys K.

import { FEEDBACK, LANE_SIZE } from './lanes';
import { apply128, pack, slot0, slot1, slot2, slot3 } from './words';

const K: usize = 4096;
const ROUNDS: usize = K + 32;
const END: usize = ROUNDS + 128;

/** The function g. */
@inline function g(x: u32, key: usize): u32 {
  return load<u32>(key + slot0(x)) ^ load<u32>(key + slot1(x), 1024) ^ load<u32>(key + slot2(x), 2048) ^ load<u32>(key + slot3(x), 3072);
}

/** g of a word rotated left by eight. */
@inline function g8(x: u32, key: usize): u32 {
  return load<u32>(key + slot3(x)) ^ load<u32>(key + slot0(x), 1024) ^ load<u32>(key + slot1(x), 2048) ^ load<u32>(key + slot2(x), 3072);
}

export function one(lane: usize, blocks: u32, key: usize, mask: u64): void {
  let block = v128.load(lane + FEEDBACK);
  for (; blocks > 0; blocks--) {
    let a = i32x4.extract_lane(block, 0) ^ load<u32>(key, K);
    let b = i32x4.extract_lane(block, 1) ^ load<u32>(key, K + 4);
    let c = i32x4.extract_lane(block, 2) ^ load<u32>(key, K + 8);
    let d = i32x4.extract_lane(block, 3) ^ load<u32>(key, K + 12);
    for (let k = key + ROUNDS; k < key + END; k += 16) {
      let u = g8(b, key);
      let v = g(a, key) + u;
      c = rotr<u32>(c ^ (v + load<u32>(k)), 1);
      d = rotl<u32>(d, 1) ^ (v + u + load<u32>(k, 4));
      u = g8(d, key);
      v = g(c, key) + u;
      a = rotr<u32>(a ^ (v + load<u32>(k, 8)), 1);
      b = rotl<u32>(b, 1) ^ (v + u + load<u32>(k, 12));
    }
    const white = v128.load(key, K + 16);
    block = apply128(lane, v128.xor(pack(c, d, a, b), white), mask);
  }
  v128.store(lane, block, FEEDBACK);
}

export function two(lane: usize, blocks: u32, key: usize, mask: u64): void {
  const lane2 = lane + LANE_SIZE;
  let block = v128.load(lane + FEEDBACK);
  let block2 = v128.load(lane2 + FEEDBACK);
  for (; blocks > 0; blocks--) {
    let a = i32x4.extract_lane(block, 0) ^ load<u32>(key, K);
    let b = i32x4.extract_lane(block, 1) ^ load<u32>(key, K + 4);
    let c = i32x4.extract_lane(block, 2) ^ load<u32>(key, K + 8);
    let d = i32x4.extract_lane(block, 3) ^ load<u32>(key, K + 12);
    let a2 = i32x4.extract_lane(block2, 0) ^ load<u32>(key, K);
    let b2 = i32x4.extract_lane(block2, 1) ^ load<u32>(key, K + 4);
    let c2 = i32x4.extract_lane(block2, 2) ^ load<u32>(key, K + 8);
    let d2 = i32x4.extract_lane(block2, 3) ^ load<u32>(key, K + 12);
    for (let k = key + ROUNDS; k < key + END; k += 16) {
      let u = g8(b, key);
      let v = g(a, key) + u;
      let u2 = g8(b2, key);
      let v2 = g(a2, key) + u2;
      c = rotr<u32>(c ^ (v + load<u32>(k)), 1);
      d = rotl<u32>(d, 1) ^ (v + u + load<u32>(k, 4));
      c2 = rotr<u32>(c2 ^ (v2 + load<u32>(k)), 1);
      d2 = rotl<u32>(d2, 1) ^ (v2 + u2 + load<u32>(k, 4));
      u = g8(d, key);
      v = g(c, key) + u;
      u2 = g8(d2, key);
      v2 = g(c2, key) + u2;
      a = rotr<u32>(a ^ (v + load<u32>(k, 8)), 1);
      b = rotl<u32>(b, 1) ^ (v + u + load<u32>(k, 12));
      a2 = rotr<u32>(a2 ^ (v2 + load<u32>(k, 8)), 1);
      b2 = rotl<u32>(b2, 1) ^ (v2 + u2 + load<u32>(k, 12));
    }
    const white = v128.load(key, K + 16);
    block = apply128(lane, v128.xor(pack(c, d, a, b), white), mask);
    block2 = apply128(lane2, v128.xor(pack(c2, d2, a2, b2), white), mask);
  }
  v128.store(lane, block, FEEDBACK);
  v128.store(lane2, block2, FEEDBACK);
}
