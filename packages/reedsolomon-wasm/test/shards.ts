// What the tests share: both kernels, pattern shards, and the matrix that defines the code.
import { multiply } from '../src/galois.ts';

const switchedOff = process.env['KCPTUN_NO_WASM'] === '1';

export const BACKENDS: { name: 'wasm' | 'typescript'; wasm: boolean }[] = [
  ...(switchedOff ? [] : [{ name: 'wasm' as const, wasm: true }]),
  { name: 'typescript', wasm: false },
];

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

/** Shard `index` of the vectors: byte j = (index * 37 + j * 11 + 5) & 255. */
export function dataShard(index: number, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, at) => (index * 37 + at * 11 + 5) & 0xff);
}

/** Row `r` of the Vandermonde matrix: r^0, r^1, ... */
export function vandermondeRow(r: number, columns: number): number[] {
  const powers = [1];
  for (let c = 1; c < columns; c++) powers.push(multiply(powers[c - 1] as number, r));
  return powers;
}
