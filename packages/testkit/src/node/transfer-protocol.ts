// What a client and a target of the tests say to each other. The target is not an echo server: an echo hides faults of
// one side, because what encrypted a byte also decrypts it.
//
//   client: | upload u32 LE, or UNTIL_EOF | download u32 LE | seed u32 LE | flags u32 LE | upload pattern ...   [EOF]
//   target:                                        | download pattern ... | SHA-256 of the upload (32 bytes) | EOF
//
// The upload is the pattern of `seed`, the download that of `seed ^ DOWNLOAD_SEED`. The target answers when it has the whole
// upload (which UNTIL_EOF ends), or from the header on when FLAG_AT_ONCE is set; the hash always comes last.

/** Bytes of the header. */
export const HEADER_BYTES = 16;
/** As the length of the upload: everything up to the client's EOF. */
export const UNTIL_EOF = 0xffff_ffff;
/** The download starts before the upload is complete. */
export const FLAG_AT_ONCE = 1;
/** Makes the target's pattern another one than the client's. */
export const DOWNLOAD_SEED: number = 0x5eed_0001;
/** Bytes of the hash. */
export const HASH_BYTES = 32;
/** Bytes that are written at a time. */
export const CHUNK_BYTES: number = 64 * 1024;
