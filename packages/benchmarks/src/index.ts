/** Benchmarks, on built output. */
export {};
