// Matrix and parity of klauspost/reedsolomon, byte for byte, on both kernels (PROTOCOL fec §4).
import { describe, expect, test } from 'vitest';
import vectors from '../../testkit/vectors/rs.json' with { type: 'json' };
import { ReedSolomon } from '../src/index.ts';
import { BACKENDS, dataShard, hex } from './shards.ts';

describe.each(BACKENDS)('$name', ({ wasm, name }) => {
  test.each(vectors.sets)('$ds+$ps', ({ ds, ps, shard_len, parity, parity_matrix_rows }) => {
    const codec = new ReedSolomon(ds, ps, { wasm });
    expect(codec.backend).toBe(name);
    // Large sets list a part of the rows or of each parity shard only; `note` in the file says so.
    expect(parity_matrix_rows.map((_, row) => hex(codec.parityRow(row)))).toEqual(parity_matrix_rows);
    const data = Array.from({ length: ds }, (_, index) => dataShard(index, shard_len));
    const made = Array.from({ length: ps }, () => new Uint8Array(shard_len));
    codec.encode([...data, ...made]);
    expect(parity).toHaveLength(ps);
    expect(made.map((shard, row) => hex(shard).slice(0, parity[row]?.length))).toEqual(parity);
    expect(codec.verify([...data, ...made])).toBe(true);
  });
});
