/** Reed-Solomon erasure coding over GF(2^8), compatible with klauspost/reedsolomon; WebAssembly SIMD with a plain TypeScript twin. */
export {};
