// CAST-128 in CFB mode, four lanes at a time or one. key: S1 to S4 of 256 words, 16 masking keys, 16 rotations.

import { FEEDBACK, LANE_SIZE } from './lanes';
import { apply, loadBlock, slot0, slot1, slot2, slot3, storeBlock } from './words';

const KEYS: usize = 4096;
/** Where the last four rounds begin: those before are twice the three types of rounds, twice. */
const KEYS_LAST: usize = KEYS + 48;

// The three types of rounds (RFC 2144 section 2.2).

@inline function f1(data: u32, masking: u32, turn: u32, key: usize): u32 {
  const x = rotl<u32>(masking + data, turn);
  return ((load<u32>(key + slot3(x)) ^ load<u32>(key + slot2(x), 1024)) - load<u32>(key + slot1(x), 2048)) + load<u32>(key + slot0(x), 3072);
}

@inline function f2(data: u32, masking: u32, turn: u32, key: usize): u32 {
  const x = rotl<u32>(masking ^ data, turn);
  return ((load<u32>(key + slot3(x)) - load<u32>(key + slot2(x), 1024)) + load<u32>(key + slot1(x), 2048)) ^ load<u32>(key + slot0(x), 3072);
}

@inline function f3(data: u32, masking: u32, turn: u32, key: usize): u32 {
  const x = rotl<u32>(masking - data, turn);
  return ((load<u32>(key + slot3(x)) + load<u32>(key + slot2(x), 1024)) ^ load<u32>(key + slot1(x), 2048)) - load<u32>(key + slot0(x), 3072);
}

export function one(lane: usize, blocks: u32, key: usize, mask: u64): void {
  let a = loadBlock(lane + FEEDBACK);
  for (; blocks > 0; blocks--) {
    let l = <u32>(a >> 32);
    let r = <u32>a;
    for (let k = key + KEYS; ; k += 24) {
      l ^= f1(r, load<u32>(k, 0), load<u32>(k, 64), key);
      r ^= f2(l, load<u32>(k, 4), load<u32>(k, 68), key);
      l ^= f3(r, load<u32>(k, 8), load<u32>(k, 72), key);
      r ^= f1(l, load<u32>(k, 12), load<u32>(k, 76), key);
      if (k == key + KEYS_LAST) break;
      l ^= f2(r, load<u32>(k, 16), load<u32>(k, 80), key);
      r ^= f3(l, load<u32>(k, 20), load<u32>(k, 84), key);
    }
    a = apply(lane, (<u64>r << 32) | l, mask);
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
    for (let k = key + KEYS; ; k += 24) {
      l ^= f1(r, load<u32>(k, 0), load<u32>(k, 64), key);
      l2 ^= f1(r2, load<u32>(k, 0), load<u32>(k, 64), key);
      l3 ^= f1(r3, load<u32>(k, 0), load<u32>(k, 64), key);
      l4 ^= f1(r4, load<u32>(k, 0), load<u32>(k, 64), key);
      r ^= f2(l, load<u32>(k, 4), load<u32>(k, 68), key);
      r2 ^= f2(l2, load<u32>(k, 4), load<u32>(k, 68), key);
      r3 ^= f2(l3, load<u32>(k, 4), load<u32>(k, 68), key);
      r4 ^= f2(l4, load<u32>(k, 4), load<u32>(k, 68), key);
      l ^= f3(r, load<u32>(k, 8), load<u32>(k, 72), key);
      l2 ^= f3(r2, load<u32>(k, 8), load<u32>(k, 72), key);
      l3 ^= f3(r3, load<u32>(k, 8), load<u32>(k, 72), key);
      l4 ^= f3(r4, load<u32>(k, 8), load<u32>(k, 72), key);
      r ^= f1(l, load<u32>(k, 12), load<u32>(k, 76), key);
      r2 ^= f1(l2, load<u32>(k, 12), load<u32>(k, 76), key);
      r3 ^= f1(l3, load<u32>(k, 12), load<u32>(k, 76), key);
      r4 ^= f1(l4, load<u32>(k, 12), load<u32>(k, 76), key);
      if (k == key + KEYS_LAST) break;
      l ^= f2(r, load<u32>(k, 16), load<u32>(k, 80), key);
      l2 ^= f2(r2, load<u32>(k, 16), load<u32>(k, 80), key);
      l3 ^= f2(r3, load<u32>(k, 16), load<u32>(k, 80), key);
      l4 ^= f2(r4, load<u32>(k, 16), load<u32>(k, 80), key);
      r ^= f3(l, load<u32>(k, 20), load<u32>(k, 84), key);
      r2 ^= f3(l2, load<u32>(k, 20), load<u32>(k, 84), key);
      r3 ^= f3(l3, load<u32>(k, 20), load<u32>(k, 84), key);
      r4 ^= f3(l4, load<u32>(k, 20), load<u32>(k, 84), key);
    }
    a = apply(lane, (<u64>r << 32) | l, mask);
    b = apply(lane2, (<u64>r2 << 32) | l2, mask);
    c = apply(lane3, (<u64>r3 << 32) | l3, mask);
    d = apply(lane4, (<u64>r4 << 32) | l4, mask);
  }
  storeBlock(lane + FEEDBACK, a);
  storeBlock(lane2 + FEEDBACK, b);
  storeBlock(lane3 + FEEDBACK, c);
  storeBlock(lane4 + FEEDBACK, d);
}
