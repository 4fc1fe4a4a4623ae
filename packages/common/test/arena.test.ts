// The memory that kernels and batches share.

import { Arena, isKcptunError } from '@kcptun/common';
import { describe, expect, it } from 'vitest';

describe.each([true, false])('Arena (wasm: %s)', (wasm) => {
  it('hands out aligned pieces that do not overlap', () => {
    const arena = new Arena({ byteLength: 65_536, wasm });
    const offsets = [arena.reserve(1), arena.reserve(17), arena.reserve(64)];
    expect(offsets).toEqual([0, 16, 48]);
    expect(arena.used).toBe(112);
  });

  it('gives a released piece to the next who wants that size', () => {
    const arena = new Arena({ byteLength: 65_536, wasm });
    const first = arena.reserve(100);
    arena.reserve(50);
    arena.release(first, 100);
    expect(arena.reserve(200)).not.toBe(first);
    expect(arena.reserve(97)).toBe(first);
  });

  it('throws a typed error when full, and works on', () => {
    const arena = new Arena({ byteLength: 65_536, wasm });
    arena.reserve(65_520);
    expect(() => arena.reserve(32)).toThrow(expect.toSatisfy((error) => isKcptunError(error, 'KCPTUN_ERR_ARENA_FULL')));
    expect(arena.reserve(16)).toBe(65_520);
  });

  it('instantiates kernels only where WASM is on', () => {
    const arena = new Arena({ byteLength: 65_536, wasm });
    // (module (import "env" "memory" (memory 1)) (func (export "f") (result i32) i32.const 7))
    const code = Uint8Array.from(
      '0061736d010000000105016000017f020f0103656e76066d656d6f727902000103020100070501016600000a0601040041070b'.match(/../g) ?? [],
      (byte) => Number.parseInt(byte, 16),
    );
    expect(arena.instantiate(code)?.['f']?.()).toBe(wasm ? 7 : undefined);
    expect(arena.instantiate(Uint8Array.of(1, 2, 3))).toBeUndefined();
  });
});
