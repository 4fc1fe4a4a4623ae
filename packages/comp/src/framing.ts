// The snappy framing format as it stands on the wire (PROTOCOL tunnel §10). A chunk:
//
//   | type u8 | length u24 LE, of what follows | for types 0 and 1: masked CRC-32C of the uncompressed bytes, u32 LE | data |

import { MAX_COMPRESSED_BLOCK } from './block-codec.ts';

/** Chunk of a compressed block. */
export const CHUNK_COMPRESSED = 0x00;
/** Chunk of plain bytes. */
export const CHUNK_UNCOMPRESSED = 0x01;
/** First type that a reader may skip; 0x02 up to it are reserved and end the stream. */
export const CHUNK_SKIPPABLE = 0x80;
/** Chunk with which a stream begins, and which may come again. */
export const CHUNK_IDENTIFIER = 0xff;

/** Type and length. */
export const CHUNK_HEADER = 4;
/** The checksum in front of the data. */
export const CHECKSUM_LENGTH = 4;
/** The longest chunk that a reader takes, behind its header; the reference program gives up beyond it, whatever the type. */
export const MAX_CHUNK: number = MAX_COMPRESSED_BLOCK + CHECKSUM_LENGTH;

/** The whole identifier chunk: `ff 06 00 00` and `sNaPpY`. */
export const IDENTIFIER: Uint8Array = /* @__PURE__ */ new Uint8Array([0xff, 6, 0, 0, 0x73, 0x4e, 0x61, 0x50, 0x70, 0x59]);
