// The SIMD kernel: adds one shard, multiplied by a constant of GF(2^8) for each row, to one to four other shards.
// A product is two lookups of 16 bytes: tables holds for each constant c the products c*0 .. c*15, then c*0, c*16 .. c*240.
// There is no static data: `tables` is an offset that the caller has filled. All lengths are rounded up to 16 bytes.

@inline function put(target: usize, low: v128, high: v128, first: bool): void {
  const value = v128.xor(low, high);
  v128.store(target, first ? value : v128.xor(v128.load(target), value));
}

// `rows` and `first` are constants wherever this is inlined, so that each copy is one straight loop. The tables are
// loaded by hand before it: no compiler may move a load over the stores of the loop.
@inline function addRows(
  rows: i32, first: bool, src: usize, p0: usize, p1: usize, p2: usize, p3: usize,
  t0: usize, t1: usize, t2: usize, t3: usize, length: usize,
): void {
  const mask = i8x16.splat(0x0f);
  const low0 = v128.load(t0), high0 = v128.load(t0, 16);
  const low1 = v128.load(t1), high1 = v128.load(t1, 16);
  const low2 = v128.load(t2), high2 = v128.load(t2, 16);
  const low3 = v128.load(t3), high3 = v128.load(t3, 16);
  for (let i: usize = 0; i < length; i += 16) {
    const value = v128.load(src + i);
    const low = v128.and(value, mask);
    const high = v128.and(i16x8.shr_u(value, 4), mask);
    put(p0 + i, i8x16.swizzle(low0, low), i8x16.swizzle(high0, high), first);
    if (rows > 1) put(p1 + i, i8x16.swizzle(low1, low), i8x16.swizzle(high1, high), first);
    if (rows > 2) put(p2 + i, i8x16.swizzle(low2, low), i8x16.swizzle(high2, high), first);
    if (rows > 3) put(p3 + i, i8x16.swizzle(low3, low), i8x16.swizzle(high3, high), first);
  }
}

/**
 * p_r (r < rows) = c_r * src, or p_r ^= c_r * src when `first` is 0. `constants` holds c_0 in its lowest byte.
 */
export function mulAdd(
  rows: i32, constants: u32, src: usize, p0: usize, p1: usize, p2: usize, p3: usize,
  length: usize, first: i32, tables: usize,
): void {
  const t0 = tables + ((<usize>constants & 0xff) << 5);
  const t1 = tables + (((<usize>constants >> 8) & 0xff) << 5);
  const t2 = tables + (((<usize>constants >> 16) & 0xff) << 5);
  const t3 = tables + ((<usize>constants >> 24) << 5);
  if (first) {
    if (rows == 1) addRows(1, true, src, p0, p1, p2, p3, t0, t1, t2, t3, length);
    else if (rows == 2) addRows(2, true, src, p0, p1, p2, p3, t0, t1, t2, t3, length);
    else if (rows == 3) addRows(3, true, src, p0, p1, p2, p3, t0, t1, t2, t3, length);
    else addRows(4, true, src, p0, p1, p2, p3, t0, t1, t2, t3, length);
  } else {
    if (rows == 1) addRows(1, false, src, p0, p1, p2, p3, t0, t1, t2, t3, length);
    else if (rows == 2) addRows(2, false, src, p0, p1, p2, p3, t0, t1, t2, t3, length);
    else if (rows == 3) addRows(3, false, src, p0, p1, p2, p3, t0, t1, t2, t3, length);
    else addRows(4, false, src, p0, p1, p2, p3, t0, t1, t2, t3, length);
  }
}
