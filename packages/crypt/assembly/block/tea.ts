// TEA of 8 cycles and XTEA in CFB mode: four lanes are the four words of a vector, two vectors at a time hide each other's latency.
// key: TEA four words, XTEA 64 round keys.

import { AT, FEEDBACK, LANE_SIZE } from './lanes';

const DELTA: i32 = 0x9e3779b9;
const LAST_SUM: i32 = 0xf1bbcdc8;

@inline function blocksOf(a: usize, b: usize): v128 {
  return v128.load_lane<u64>(b, v128.load64_zero(a), 1);
}

/** The first words of four blocks. */
@inline function left(ab: v128, cd: v128): v128 {
  return v128.shuffle<i8>(ab, cd, 3, 2, 1, 0, 11, 10, 9, 8, 19, 18, 17, 16, 27, 26, 25, 24);
}

/** The second words of four blocks. */
@inline function right(ab: v128, cd: v128): v128 {
  return v128.shuffle<i8>(ab, cd, 7, 6, 5, 4, 15, 14, 13, 12, 23, 22, 21, 20, 31, 30, 29, 28);
}

@inline function firstBlocks(l: v128, r: v128): v128 {
  return v128.shuffle<i8>(l, r, 3, 2, 1, 0, 19, 18, 17, 16, 7, 6, 5, 4, 23, 22, 21, 20);
}

@inline function lastBlocks(l: v128, r: v128): v128 {
  return v128.shuffle<i8>(l, r, 11, 10, 9, 8, 27, 26, 25, 24, 15, 14, 13, 12, 31, 30, 29, 28);
}

@inline function storeBlocks(a: usize, b: usize, blocks: v128): void {
  v128.store_lane<u64>(a, blocks, 0);
  v128.store_lane<u64>(b, blocks, 1);
}

@inline function saveLanes(a: usize, b: usize, at: usize, bt: usize, feedback: v128): void {
  storeBlocks(a + FEEDBACK, b + FEEDBACK, feedback);
  store<u32>(a, at, AT);
  store<u32>(b, bt, AT);
}

@inline function teaHalf(v: v128, w: v128, sum: i32, k0: v128, k1: v128): v128 {
  return i32x4.add(v, v128.xor(
    v128.xor(i32x4.add(i32x4.shl(w, 4), k0), i32x4.add(w, i32x4.splat(sum))), i32x4.add(i32x4.shr_u(w, 5), k1)));
}

@inline function xteaHalf(v: v128, w: v128, key: v128): v128 {
  return i32x4.add(v, v128.xor(i32x4.add(v128.xor(i32x4.shl(w, 4), i32x4.shr_u(w, 5)), w), key));
}

/** Up to four lanes. Where there are fewer, the first stands in for the others: all blocks are loaded before one is stored. */
@inline function four(lanes: usize, count: usize, blocks: u32, key: usize, mask: u64, isTea: bool): void {
  const b = count > 1 ? lanes + LANE_SIZE : lanes;
  const c = count > 2 ? lanes + 2 * LANE_SIZE : lanes;
  const d = count > 3 ? lanes + 3 * LANE_SIZE : lanes;
  let at = <usize>load<u32>(lanes, AT);
  let bt = <usize>load<u32>(b, AT);
  let ct = <usize>load<u32>(c, AT);
  let dt = <usize>load<u32>(d, AT);
  const m = i64x2.splat(mask);
  let ab = blocksOf(lanes + FEEDBACK, b + FEEDBACK);
  let cd = blocksOf(c + FEEDBACK, d + FEEDBACK);
  for (; blocks > 0; blocks--) {
    let l = left(ab, cd);
    let r = right(ab, cd);
    if (isTea) {
      const k0 = v128.load32_splat(key);
      const k1 = v128.load32_splat(key, 4);
      const k2 = v128.load32_splat(key, 8);
      const k3 = v128.load32_splat(key, 12);
      for (let sum = DELTA; ; sum += DELTA) {
        l = teaHalf(l, r, sum, k0, k1);
        r = teaHalf(r, l, sum, k2, k3);
        if (sum == LAST_SUM) break;
      }
    } else {
      for (let k = key; k < key + 256; k += 8) {
        l = xteaHalf(l, r, v128.load32_splat(k));
        r = xteaHalf(r, l, v128.load32_splat(k, 4));
      }
    }
    const kab = firstBlocks(l, r);
    const kcd = lastBlocks(l, r);
    ab = blocksOf(at, bt);
    cd = blocksOf(ct, dt);
    storeBlocks(at, bt, v128.xor(ab, kab));
    storeBlocks(ct, dt, v128.xor(cd, kcd));
    ab = v128.xor(ab, v128.and(kab, m));
    cd = v128.xor(cd, v128.and(kcd, m));
    at += 8;
    bt += 8;
    ct += 8;
    dt += 8;
  }
  saveLanes(lanes, b, at, bt, ab);
  saveLanes(c, d, ct, dt, cd);
}

/** Five to eight lanes, as `four`. */
@inline function eight(lanes: usize, count: usize, blocks: u32, key: usize, mask: u64, isTea: bool): void {
  const b = lanes + LANE_SIZE;
  const c = lanes + 2 * LANE_SIZE;
  const d = lanes + 3 * LANE_SIZE;
  const e = lanes + 4 * LANE_SIZE;
  const f = count > 5 ? lanes + 5 * LANE_SIZE : lanes;
  const g = count > 6 ? lanes + 6 * LANE_SIZE : lanes;
  const h = count > 7 ? lanes + 7 * LANE_SIZE : lanes;
  let at = <usize>load<u32>(lanes, AT);
  let bt = <usize>load<u32>(b, AT);
  let ct = <usize>load<u32>(c, AT);
  let dt = <usize>load<u32>(d, AT);
  let et = <usize>load<u32>(e, AT);
  let ft = <usize>load<u32>(f, AT);
  let gt = <usize>load<u32>(g, AT);
  let ht = <usize>load<u32>(h, AT);
  const m = i64x2.splat(mask);
  let ab = blocksOf(lanes + FEEDBACK, b + FEEDBACK);
  let cd = blocksOf(c + FEEDBACK, d + FEEDBACK);
  let ef = blocksOf(e + FEEDBACK, f + FEEDBACK);
  let gh = blocksOf(g + FEEDBACK, h + FEEDBACK);
  for (; blocks > 0; blocks--) {
    let l = left(ab, cd);
    let r = right(ab, cd);
    let l2 = left(ef, gh);
    let r2 = right(ef, gh);
    if (isTea) {
      const k0 = v128.load32_splat(key);
      const k1 = v128.load32_splat(key, 4);
      const k2 = v128.load32_splat(key, 8);
      const k3 = v128.load32_splat(key, 12);
      for (let sum = DELTA; ; sum += DELTA) {
        l = teaHalf(l, r, sum, k0, k1);
        l2 = teaHalf(l2, r2, sum, k0, k1);
        r = teaHalf(r, l, sum, k2, k3);
        r2 = teaHalf(r2, l2, sum, k2, k3);
        if (sum == LAST_SUM) break;
      }
    } else {
      for (let k = key; k < key + 256; k += 8) {
        const even = v128.load32_splat(k);
        const odd = v128.load32_splat(k, 4);
        l = xteaHalf(l, r, even);
        l2 = xteaHalf(l2, r2, even);
        r = xteaHalf(r, l, odd);
        r2 = xteaHalf(r2, l2, odd);
      }
    }
    const kab = firstBlocks(l, r);
    const kcd = lastBlocks(l, r);
    const kef = firstBlocks(l2, r2);
    const kgh = lastBlocks(l2, r2);
    ab = blocksOf(at, bt);
    cd = blocksOf(ct, dt);
    ef = blocksOf(et, ft);
    gh = blocksOf(gt, ht);
    storeBlocks(at, bt, v128.xor(ab, kab));
    storeBlocks(ct, dt, v128.xor(cd, kcd));
    storeBlocks(et, ft, v128.xor(ef, kef));
    storeBlocks(gt, ht, v128.xor(gh, kgh));
    ab = v128.xor(ab, v128.and(kab, m));
    cd = v128.xor(cd, v128.and(kcd, m));
    ef = v128.xor(ef, v128.and(kef, m));
    gh = v128.xor(gh, v128.and(kgh, m));
    at += 8;
    bt += 8;
    ct += 8;
    dt += 8;
    et += 8;
    ft += 8;
    gt += 8;
    ht += 8;
  }
  saveLanes(lanes, b, at, bt, ab);
  saveLanes(c, d, ct, dt, cd);
  saveLanes(e, f, et, ft, ef);
  saveLanes(g, h, gt, ht, gh);
}

export function tea(lanes: usize, count: usize, blocks: u32, key: usize, mask: u64): void {
  if (count > 4) eight(lanes, count, blocks, key, mask, true);
  else four(lanes, count, blocks, key, mask, true);
}

export function xtea(lanes: usize, count: usize, blocks: u32, key: usize, mask: u64): void {
  if (count > 4) eight(lanes, count, blocks, key, mask, false);
  else four(lanes, count, blocks, key, mask, false);
}
