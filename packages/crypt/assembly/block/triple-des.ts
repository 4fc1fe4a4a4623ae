// Triple DES in CFB mode, four lanes at a time or one. Initial and final permutation happen at the ends of the three passes only.
// key: S-boxes in pairs, 16384 words, whose index is two groups of six bits as they lie in half a word, bits 6 and 7 tell the pair; then
// three passes of 16 rounds of two words; then the S-boxes one by one, 8 x 64 words. Both halves of a block are rotated left by one throughout, so that the six bits of an S-box
// lie in one byte.

import { FEEDBACK, LANE_SIZE } from './lanes';
import { apply, loadBlock, storeBlock } from './words';

const KEYS: usize = 65536;
const PASS: usize = 128;
const SINGLE: usize = KEYS + 3 * PASS;

@inline function f(x: u32, k0: u32, k1: u32, key: usize): u32 {
  const u = rotr<u32>(x, 4) ^ k0;
  const v = x ^ k1;
  return load<u32>(key + ((u >> 14) & 0xfcfc)) ^ load<u32>(key + ((u << 2) & 0xfcfc), 256)
    ^ load<u32>(key + ((v >> 14) & 0xfcfc), 512) ^ load<u32>(key + ((v << 2) & 0xfcfc), 768);
}

/** The same with a table of 2 KiB, which stays in the first-level cache: better for one lane, which waits for every look-up. */
@inline function fSingle(x: u32, k0: u32, k1: u32, table: usize): u32 {
  const u = rotr<u32>(x, 4) ^ k0;
  const v = x ^ k1;
  return load<u32>(table + ((u >> 22) & 0xfc)) ^ load<u32>(table + ((u >> 14) & 0xfc), 512)
    ^ load<u32>(table + ((u >> 6) & 0xfc), 1024) ^ load<u32>(table + ((u << 2) & 0xfc), 1536)
    ^ (load<u32>(table + ((v >> 22) & 0xfc), 256) ^ load<u32>(table + ((v >> 14) & 0xfc), 768)
    ^ (load<u32>(table + ((v >> 6) & 0xfc), 1280) ^ load<u32>(table + ((v << 2) & 0xfc), 1792)));
}

/** The initial permutation as five exchanges of bit groups, then both halves rotated left by one. */
function permuteIn(block: u64): u64 {
  let l = <u32>(block >> 32);
  let r = <u32>block;
  let t = ((l >> 4) ^ r) & 0x0f0f0f0f;
  r ^= t;
  l ^= t << 4;
  t = ((l >> 16) ^ r) & 0xffff;
  r ^= t;
  l ^= t << 16;
  t = ((r >> 2) ^ l) & 0x33333333;
  l ^= t;
  r ^= t << 2;
  t = ((r >> 8) ^ l) & 0x00ff00ff;
  l ^= t;
  r ^= t << 8;
  t = ((l >> 1) ^ r) & 0x55555555;
  r ^= t;
  l ^= t << 1;
  return (<u64>rotl<u32>(l, 1) << 32) | rotl<u32>(r, 1);
}

/** Undoes `permuteIn`: the final permutation. */
function permuteOut(left: u32, right: u32): u64 {
  let l = rotr<u32>(left, 1);
  let r = rotr<u32>(right, 1);
  let t = ((l >> 1) ^ r) & 0x55555555;
  r ^= t;
  l ^= t << 1;
  t = ((r >> 8) ^ l) & 0x00ff00ff;
  l ^= t;
  r ^= t << 8;
  t = ((r >> 2) ^ l) & 0x33333333;
  l ^= t;
  r ^= t << 2;
  t = ((l >> 16) ^ r) & 0xffff;
  r ^= t;
  l ^= t << 16;
  t = ((l >> 4) ^ r) & 0x0f0f0f0f;
  r ^= t;
  l ^= t << 4;
  return (<u64>l << 32) | r;
}

export function one(lane: usize, blocks: u32, key: usize, mask: u64): void {
  const table = key + SINGLE;
  let a = permuteIn(loadBlock(lane + FEEDBACK));
  for (; blocks > 0; blocks--) {
    let l = <u32>(a >> 32);
    let r = <u32>a;
    for (let pass = key + KEYS; pass < key + KEYS + 3 * PASS; pass += PASS) {
      for (let k = pass; k < pass + PASS; k += 16) {
        l ^= fSingle(r, load<u32>(k), load<u32>(k, 4), table);
        r ^= fSingle(l, load<u32>(k, 8), load<u32>(k, 12), table);
      }
      const t = l;
      l = r;
      r = t;
    }
    a = permuteIn(apply(lane, permuteOut(l, r), mask));
  }
  storeBlock(lane + FEEDBACK, permuteOut(<u32>(a >> 32), <u32>a));
}

export function four(lane: usize, blocks: u32, key: usize, mask: u64): void {
  const lane2 = lane + LANE_SIZE;
  const lane3 = lane + 2 * LANE_SIZE;
  const lane4 = lane + 3 * LANE_SIZE;
  let a = permuteIn(loadBlock(lane + FEEDBACK));
  let b = permuteIn(loadBlock(lane2 + FEEDBACK));
  let c = permuteIn(loadBlock(lane3 + FEEDBACK));
  let d = permuteIn(loadBlock(lane4 + FEEDBACK));
  for (; blocks > 0; blocks--) {
    let l = <u32>(a >> 32);
    let r = <u32>a;
    let l2 = <u32>(b >> 32);
    let r2 = <u32>b;
    let l3 = <u32>(c >> 32);
    let r3 = <u32>c;
    let l4 = <u32>(d >> 32);
    let r4 = <u32>d;
    for (let pass = key + KEYS; pass < key + KEYS + 3 * PASS; pass += PASS) {
      for (let k = pass; k < pass + PASS; k += 16) {
        l ^= f(r, load<u32>(k), load<u32>(k, 4), key);
        l2 ^= f(r2, load<u32>(k), load<u32>(k, 4), key);
        l3 ^= f(r3, load<u32>(k), load<u32>(k, 4), key);
        l4 ^= f(r4, load<u32>(k), load<u32>(k, 4), key);
        r ^= f(l, load<u32>(k, 8), load<u32>(k, 12), key);
        r2 ^= f(l2, load<u32>(k, 8), load<u32>(k, 12), key);
        r3 ^= f(l3, load<u32>(k, 8), load<u32>(k, 12), key);
        r4 ^= f(l4, load<u32>(k, 8), load<u32>(k, 12), key);
      }
      const t = l;
      l = r;
      r = t;
      const t2 = l2;
      l2 = r2;
      r2 = t2;
      const t3 = l3;
      l3 = r3;
      r3 = t3;
      const t4 = l4;
      l4 = r4;
      r4 = t4;
    }
    a = permuteIn(apply(lane, permuteOut(l, r), mask));
    b = permuteIn(apply(lane2, permuteOut(l2, r2), mask));
    c = permuteIn(apply(lane3, permuteOut(l3, r3), mask));
    d = permuteIn(apply(lane4, permuteOut(l4, r4), mask));
  }
  storeBlock(lane + FEEDBACK, permuteOut(<u32>(a >> 32), <u32>a));
  storeBlock(lane2 + FEEDBACK, permuteOut(<u32>(b >> 32), <u32>b));
  storeBlock(lane3 + FEEDBACK, permuteOut(<u32>(c >> 32), <u32>c));
  storeBlock(lane4 + FEEDBACK, permuteOut(<u32>(d >> 32), <u32>d));
}
