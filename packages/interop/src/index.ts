/** Tests against the Go programs and the C library. */
export {};
