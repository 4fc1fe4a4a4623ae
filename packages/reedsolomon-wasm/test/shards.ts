// What the tests share: both kernels, pattern shards, and the code written down naively (matrix and all).
import { EXP, LOG, multiply } from '../src/galois.ts';

export const BACKENDS: { name: 'wasm' | 'typescript'; wasm: boolean }[] = [
  { name: 'wasm', wasm: true },
  { name: 'typescript', wasm: false },
];

export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Shard `index` of the vectors: byte j = (index * 37 + j * 11 + 5) & 255. */
export function dataShard(index: number, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, at) => (index * 37 + at * 11 + 5) & 0xff);
}

/** The parity rows from the definition: V * inverse(top of V), by Gauss-Jordan. */
export function naiveParityRows(ds: number, ps: number): number[][] {
  const row = (r: number): number[] => {
    const powers = [1];
    for (let c = 1; c < ds; c++) powers.push(multiply(powers[c - 1] as number, r));
    return powers;
  };
  const inverse = invert(Array.from({ length: ds }, (_, r) => row(r)));
  return Array.from({ length: ps }, (_, k) => {
    const v = row(ds + k);
    return Array.from({ length: ds }, (_, c) => v.reduce((sum, value, i) => sum ^ multiply(value, inverse[i]?.[c] as number), 0));
  });
}

function invert(matrix: number[][]): number[][] {
  const size = matrix.length;
  const work = matrix.map((row, r) => [...row, ...Array.from({ length: size }, (_, c) => (c === r ? 1 : 0))]);
  for (let column = 0; column < size; column++) {
    const pivot = work.findIndex((row, r) => r >= column && row[column] !== 0);
    [work[column], work[pivot]] = [work[pivot] as number[], work[column] as number[]];
    const head = work[column] as number[];
    const scale = EXP[255 - (LOG[head[column] as number] as number)] as number;
    for (let c = 0; c < 2 * size; c++) head[c] = multiply(head[c] as number, scale);
    for (let r = 0; r < size; r++) {
      const target = work[r] as number[];
      const factor = target[column] as number;
      if (r === column || factor === 0) continue;
      for (let c = 0; c < 2 * size; c++) target[c] = (target[c] as number) ^ multiply(factor, head[c] as number);
    }
  }
  return work.map((row) => row.slice(size));
}
