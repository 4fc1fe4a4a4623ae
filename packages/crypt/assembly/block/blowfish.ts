// Blowfish in CFB mode, four lanes at a time or one. key: S1 to S4 of 256 words, then P of 18.

import { FEEDBACK, LANE_SIZE } from './lanes';
import { apply, loadBlock, slot0, slot1, slot2, slot3, storeBlock } from './words';

/** Where P is, and where it is but for its last two words. */
const P: usize = 4096;
const P_END: usize = P + 64;

@inline function f(x: u32, key: usize): u32 {
  return ((load<u32>(key + slot3(x)) + load<u32>(key + slot2(x), 1024)) ^ load<u32>(key + slot1(x), 2048)) + load<u32>(key + slot0(x), 3072);
}

/** The last two words of P, and the halves exchanged. */
@inline function keystream(l: u32, r: u32, key: usize): u64 {
  return (<u64>(r ^ load<u32>(key, P + 68)) << 32) | (l ^ load<u32>(key, P + 64));
}

export function one(lane: usize, blocks: u32, key: usize, mask: u64): void {
  let a = loadBlock(lane + FEEDBACK);
  for (; blocks > 0; blocks--) {
    let l = <u32>(a >> 32);
    let r = <u32>a;
    for (let p = key + P; p < key + P_END; p += 8) {
      l ^= load<u32>(p);
      r ^= f(l, key) ^ load<u32>(p, 4);
      l ^= f(r, key);
    }
    a = apply(lane, keystream(l, r, key), mask);
  }
  storeBlock(lane + FEEDBACK, a);
}

export function four(lane: usize, blocks: u32, key: usize, mask: u64): void {
  const lane2 = lane + LANE_SIZE;
  const lane3 = lane + 2 * LANE_SIZE;
  const lane4 = lane + 3 * LANE_SIZE;
  let a = loadBlock(lane + FEEDBACK);
  let b = loadBlock(lane2 + FEEDBACK);
  let c = loadBlock(lane3 + FEEDBACK);
  let d = loadBlock(lane4 + FEEDBACK);
  for (; blocks > 0; blocks--) {
    let l = <u32>(a >> 32);
    let r = <u32>a;
    let l2 = <u32>(b >> 32);
    let r2 = <u32>b;
    let l3 = <u32>(c >> 32);
    let r3 = <u32>c;
    let l4 = <u32>(d >> 32);
    let r4 = <u32>d;
    for (let p = key + P; p < key + P_END; p += 8) {
      const even = load<u32>(p);
      const odd = load<u32>(p, 4);
      l ^= even;
      l2 ^= even;
      l3 ^= even;
      l4 ^= even;
      r ^= f(l, key) ^ odd;
      r2 ^= f(l2, key) ^ odd;
      r3 ^= f(l3, key) ^ odd;
      r4 ^= f(l4, key) ^ odd;
      l ^= f(r, key);
      l2 ^= f(r2, key);
      l3 ^= f(r3, key);
      l4 ^= f(r4, key);
    }
    a = apply(lane, keystream(l, r, key), mask);
    b = apply(lane2, keystream(l2, r2, key), mask);
    c = apply(lane3, keystream(l3, r3, key), mask);
    d = apply(lane4, keystream(l4, r4, key), mask);
  }
  storeBlock(lane + FEEDBACK, a);
  storeBlock(lane2 + FEEDBACK, b);
  storeBlock(lane3 + FEEDBACK, c);
  storeBlock(lane4 + FEEDBACK, d);
}
