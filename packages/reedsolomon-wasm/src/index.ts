/** Reed-Solomon erasure coding over GF(2^8), compatible with klauspost/reedsolomon; WebAssembly SIMD with a plain TypeScript twin. */
export { ReedSolomonError, type ReedSolomonErrorCode } from './errors.ts';
export { createMemory, type ReedSolomonMemory } from './memory.ts';
export { MAX_SHARDS, type MaybeShard, ReedSolomon, type ReedSolomonOptions } from './reed-solomon.ts';
