// The WASM form of src/block-codec.ts and src/crc32c.ts; the TypeScript there is the readable reference with the same results.
// AssemblyScript, no runtime, no static data: all pointers are offsets into the imported memory. Callers keep SLOP bytes free
// behind every input and output area, because whole vectors are read and written past the end (never past the slop).

const MULTIPLIER: u32 = 0x9e3779b1;

// ---- CRC-32C ----------------------------------------------------------------------------------------------------------

// Eight products of a nibble with one table each, summed: one plane of 16 bytes of the folded block.
// @ts-ignore: decorator
@inline
function plane(t: usize, a: v128, b: v128, c: v128, d: v128, e: v128, f: v128, g: v128, h: v128): v128 {
  return v128.xor(
    v128.xor(
      v128.xor(i8x16.swizzle(v128.load(t), a), i8x16.swizzle(v128.load(t, 16), b)),
      v128.xor(i8x16.swizzle(v128.load(t, 32), c), i8x16.swizzle(v128.load(t, 48), d)),
    ),
    v128.xor(
      v128.xor(i8x16.swizzle(v128.load(t, 64), e), i8x16.swizzle(v128.load(t, 80), f)),
      v128.xor(i8x16.swizzle(v128.load(t, 96), g), i8x16.swizzle(v128.load(t, 112), h)),
    ),
  );
}

/*
 * Multiplies the 128 bytes at `state` by x^1024 and adds the next 128 bytes at `p`, `blocks` times (fold of src/crc32c-fold.ts):
 * planes 0 2 4 6 (and 1 3 5 7) of 16 bytes go through the same 32 nibble tables at `t`.
 */
function fold(state: usize, p: usize, blocks: i32, t: usize): void {
  const mask = i8x16.splat(0x0f);
  while (blocks > 0) {
    for (let half: usize = 0; half < 32; half += 16) {
      const s = state + half;
      const q = p + half;
      const v0 = v128.load(s);
      const v1 = v128.load(s, 32);
      const v2 = v128.load(s, 64);
      const v3 = v128.load(s, 96);
      const a = v128.and(v0, mask);
      const b = i8x16.shr_u(v0, 4);
      const c = v128.and(v1, mask);
      const d = i8x16.shr_u(v1, 4);
      const e = v128.and(v2, mask);
      const f = i8x16.shr_u(v2, 4);
      const g = v128.and(v3, mask);
      const h = i8x16.shr_u(v3, 4);
      v128.store(s, v128.xor(v128.load(q), plane(t, a, b, c, d, e, f, g, h)));
      v128.store(s, v128.xor(v128.load(q, 32), plane(t + 128, a, b, c, d, e, f, g, h)), 32);
      v128.store(s, v128.xor(v128.load(q, 64), plane(t + 256, a, b, c, d, e, f, g, h)), 64);
      v128.store(s, v128.xor(v128.load(q, 96), plane(t + 384, a, b, c, d, e, f, g, h)), 96);
    }
    p += 128;
    blocks--;
  }
}

/* Slicing by 8: the CRC register after `length` bytes; 8 tables of 256 words at `t`. */
function slice(register: u32, p: usize, length: i32, t: usize): u32 {
  while (length >= 8) {
    const low = register ^ load<u32>(p);
    const high = load<u32>(p, 4);
    register =
      load<u32>(t + 7168 + ((low & 0xff) << 2)) ^
      load<u32>(t + 6144 + (((low >>> 8) & 0xff) << 2)) ^
      load<u32>(t + 5120 + (((low >>> 16) & 0xff) << 2)) ^
      load<u32>(t + 4096 + ((low >>> 24) << 2)) ^
      load<u32>(t + 3072 + ((high & 0xff) << 2)) ^
      load<u32>(t + 2048 + (((high >>> 8) & 0xff) << 2)) ^
      load<u32>(t + 1024 + (((high >>> 16) & 0xff) << 2)) ^
      load<u32>(t + ((high >>> 24) << 2));
    p += 8;
    length -= 8;
  }
  while (length > 0) {
    register = (register >>> 8) ^ load<u32>(t + (((register ^ load<u8>(p)) & 0xff) << 2));
    p++;
    length--;
  }
  return register;
}

// The sparse multiple (src/crc32c-sparse.ts): where a vector's bits go on to, in bytes.
const HOP_1: usize = 260;
const HOP_2: usize = 620;
const HOP_3: usize = 680;
const HOP_4: usize = 780;
const HOP_5: usize = 836;
/* HOP_5 in whole vectors, a multiple of 16. */
const REACH: usize = 848;
/* Bytes that are reduced before their last REACH are moved to the front. */
const STRETCH: usize = 16384;

// What arrives at `v` from earlier vectors.
// @ts-ignore: decorator
@inline
function arriving(v: usize): v128 {
  return v128.xor(
    v128.xor(v128.load(v - HOP_1), v128.load(v - HOP_2)),
    v128.xor(v128.xor(v128.load(v - HOP_3), v128.load(v - HOP_4)), v128.load(v - HOP_5)),
  );
}

// @ts-ignore: decorator
@inline
function four(v: usize, p: usize): void {
  v128.store(v, v128.xor(v128.load(p), arriving(v)));
  v128.store(v, v128.xor(v128.load(p, 16), arriving(v + 16)), 16);
  v128.store(v, v128.xor(v128.load(p, 32), arriving(v + 32)), 32);
  v128.store(v, v128.xor(v128.load(p, 48), arriving(v + 48)), 48);
}

/*
 * Reduces `length` bytes at `p` to the `length - cut` last ones, which are written to the address returned; `cut` is a multiple
 * of 64 and leaves at least HOP_5. The register's start is in them. `work` has room for 20 KiB.
 */
function reduce(p: usize, length: i32, cut: i32, work: usize): usize {
  const first = work + REACH;
  memory.fill(work, 0, REACH);
  let v = first;
  const end = p + cut;
  let edge = first + STRETCH;
  four(v, p);
  // All ones at the start: the first four bytes inverted.
  store<u32>(v, ~load<u32>(v));
  v += 64;
  p += 64;
  while (p < end) {
    four(v, p);
    v += 64;
    p += 64;
    if (v == edge) {
      memory.copy(work, edge - REACH, REACH);
      v = first;
    }
  }
  memory.fill(v, 0, REACH + 64);
  const tail = first + STRETCH + REACH + 64;
  const left = length - cut;
  for (let at: i32 = 0; at < left; at += 16) {
    v128.store(tail + at, v128.xor(v128.load(p + at), arriving(v + at)));
  }
  return tail;
}

/**
 * CRC-32C of `length` bytes: `t` the slicing tables (8 KiB), `f` the folding tables (512 bytes), `state` 128 bytes of room, `work`
 * room for `reduce`.
 */
export function crc32c(p: usize, length: i32, t: usize, f: usize, state: usize, work: usize): u32 {
  let register: u32 = 0xffffffff;
  if (length >= 2048) {
    const cut = (length - <i32>HOP_5) & ~63;
    p = reduce(p, length, cut, work);
    length -= cut;
    register = 0;
  }
  if (length >= 256) {
    const blocks = length >> 7;
    memory.copy(state, p, 128);
    store<u32>(state, load<u32>(state) ^ register);
    fold(state, p + 128, blocks - 1, f);
    register = slice(0, state, 128, t);
    p += blocks << 7;
    length &= 127;
  }
  return ~slice(register, p, length, t);
}

// ---- Block format -----------------------------------------------------------------------------------------------------

// @ts-ignore: decorator
@inline
function literal(op: usize, from: usize, length: i32): usize {
  const n = length - 1;
  if (n < 60) {
    store<u8>(op, n << 2);
    op += 1;
  } else if (n < 256) {
    store<u16>(op, (n << 8) | 0xf0);
    op += 2;
  } else {
    store<u8>(op, 0xf4);
    store<u16>(op, n, 1);
    op += 3;
  }
  if (length <= 16) v128.store(op, v128.load(from));
  else memory.copy(op, from, length);
  return op + length;
}

/** Compresses `length` (1 to 65536) bytes; returns the compressed length or 0 when it would reach `limit`. */
export function compress(src: usize, length: i32, dst: usize, limit: i32, table: usize): i32 {
  let op = dst;
  let n = length;
  while (n > 127) {
    store<u8>(op++, n | 0x80);
    n >>= 7;
  }
  store<u8>(op++, n);
  const full = dst + limit;
  const end = src + length;
  let anchor = src;
  if (length >= 16) {
    let bits = 31 - clz(length - 1);
    if (bits < 8) bits = 8;
    if (bits > 14) bits = 14;
    const shift = 32 - bits;
    memory.fill(table, 0, 2 << bits);
    const last = end - 12;
    let ip = src + 1;
    let skip = 32;
    while (ip <= last) {
      const word = load<u32>(ip);
      const slot = table + (((word * MULTIPLIER) >>> shift) << 1);
      let from = src + load<u16>(slot);
      store<u16>(slot, ip - src);
      if (load<u32>(from) != word) {
        const step = skip >> 5;
        ip += step;
        skip += step;
        continue;
      }
      while (ip > anchor && from > src && load<u8>(ip - 1) == load<u8>(from - 1)) {
        ip--;
        from--;
      }
      if (ip > anchor) {
        if (op + (ip - anchor) + 3 >= full) return 0;
        op = literal(op, anchor, <i32>(ip - anchor));
      }
      const offset = <u32>(ip - from);
      const start = ip;
      ip += 4;
      from += 4;
      while (ip < end) {
        const low = v128.xor(v128.load(ip), v128.load(from));
        const high = v128.xor(v128.load(ip, 16), v128.load(from, 16));
        if (v128.any_true(v128.or(low, high))) break;
        ip += 32;
        from += 32;
      }
      // Bytes behind the end are slop: compared, then cut off.
      while (ip < end) {
        const difference = load<u64>(ip) ^ load<u64>(from);
        if (difference != 0) {
          ip += <usize>(ctz(difference) >> 3);
          break;
        }
        ip += 8;
        from += 8;
      }
      if (ip > end) ip = end;
      let left = <i32>(ip - start);
      if (op + (left >> 6) * 3 + 6 >= full) return 0;
      while (left > 67) {
        store<u32>(op, 0xfe | (offset << 8));
        op += 3;
        left -= 64;
      }
      if (left > 64) {
        store<u32>(op, 0xee | (offset << 8));
        op += 3;
        left -= 60;
      }
      if (left < 12 && offset < 2048) {
        store<u16>(op, ((offset >>> 8) << 5) | ((left - 4) << 2) | 1 | ((offset & 0xff) << 8));
        op += 2;
      } else {
        store<u32>(op, ((left - 1) << 2) | 2 | (offset << 8));
        op += 3;
      }
      anchor = ip;
      skip = 32;
      if (ip > last) break;
      store<u16>(table + (((load<u32>(ip - 1) * MULTIPLIER) >>> shift) << 1), ip - 1 - src);
    }
  }
  if (anchor < end) {
    if (op + (end - anchor) + 3 > full) return 0;
    op = literal(op, anchor, <i32>(end - anchor));
  }
  const written = <i32>(op - dst);
  return written < limit ? written : 0;
}

/* Continues a pattern of `offset` bytes in front of `op` by `n` (more than 64) bytes; may write up to 63 more. */
function repeat(op: usize, offset: usize, n: i32): void {
  const from = op - offset;
  const stop = op + n;
  let have = offset;
  if (offset < 64) {
    // Whole patterns, until together they are a piece worth copying.
    let step = offset;
    let to = op;
    while (step < 8) {
      store<u64>(to, load<u64>(to - step));
      to += step;
      step += step;
    }
    while (to < op + 64) {
      store<u64>(to, load<u64>(to - step));
      to += 8;
    }
    have = offset * ((offset + 64) / offset);
  }
  for (let to = from + have; to < stop; ) {
    const rest = stop - to;
    const piece = have < rest ? have : rest;
    memory.copy(to, from, piece);
    to += piece;
    have += have;
  }
}

/** Uncompresses the elements of a block (behind its length) into exactly `size` bytes; returns 0, or -1 when they are corrupt. */
export function uncompress(src: usize, length: i32, dst: usize, size: i32): i32 {
  const end = src + length;
  const full = dst + size;
  let ip = src;
  let op = dst;
  while (ip < end) {
    const tag = <i32>load<u8>(ip);
    ip++;
    let n: i32;
    let offset: usize;
    switch (tag & 3) {
      case 0: {
        n = (tag >> 2) + 1;
        if (n > 60) {
          const extra = n - 60;
          if (ip + extra > end) return -1;
          const wide = load<u32>(ip) & (<u32>0xffffffff >>> ((4 - extra) << 3));
          if (wide >= 65536) return -1;
          n = wide + 1;
          ip += extra;
        }
        if (<usize>n > end - ip || <usize>n > full - op) return -1;
        if (n <= 16) v128.store(op, v128.load(ip));
        else if (n <= 64) {
          v128.store(op, v128.load(ip));
          v128.store(op, v128.load(ip, 16), 16);
          if (n > 32) {
            v128.store(op, v128.load(ip, 32), 32);
            v128.store(op, v128.load(ip, 48), 48);
          }
        } else memory.copy(op, ip, n);
        ip += n;
        op += n;
        continue;
      }
      case 1:
        if (ip >= end) return -1;
        n = ((tag >> 2) & 7) + 4;
        offset = ((tag >> 5) << 8) | load<u8>(ip);
        ip += 1;
        break;
      case 2:
        if (ip + 2 > end) return -1;
        n = (tag >> 2) + 1;
        offset = load<u16>(ip);
        ip += 2;
        break;
      default:
        if (ip + 4 > end) return -1;
        n = (tag >> 2) + 1;
        offset = load<u32>(ip);
        ip += 4;
    }
    // A long match comes as copies of 64 bytes from the same distance.
    if (tag == 0xfe) {
      while (ip + 3 <= end && load<u8>(ip) == 0xfe && load<u16>(ip, 1) == offset) {
        n += 64;
        ip += 3;
      }
    }
    if (offset == 0 || offset > op - dst || <usize>n > full - op) return -1;
    let from = op - offset;
    const stop = op + n;
    if (n > 64) {
      repeat(op, offset, n);
      op = stop;
      continue;
    }
    if (offset >= 16) {
      v128.store(op, v128.load(from));
      while (n > 16) {
        op += 16;
        from += 16;
        n -= 16;
        v128.store(op, v128.load(from));
      }
    } else {
      // A pattern shorter than a word is doubled until a word of it lies in front.
      while (offset < 8) {
        store<u64>(op, load<u64>(from));
        op += offset;
        offset += offset;
      }
      while (op < stop) {
        store<u64>(op, load<u64>(from));
        op += 8;
        from += 8;
      }
    }
    op = stop;
  }
  return op == full ? 0 : -1;
}
