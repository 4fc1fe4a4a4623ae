/** The snappy framing format and block codec as kcptun uses them; sans I/O, with a Node backend. */
export {
  type BlockCodec,
  MAX_BLOCK,
  MAX_COMPRESSED_BLOCK,
  maxCompressedLength,
  readBlockLength,
  TypescriptBlockCodec,
  WORK_HEADROOM,
  WORK_SLOP,
} from './block-codec.ts';
export { crc32c, maskChecksum } from './crc32c.ts';
export { SnappyDecoder, type SnappyDecoderOptions } from './decoder.ts';
export { SnappyEncoder, type SnappyEncoderOptions } from './encoder.ts';
export { CompError, type CompErrorCode } from './errors.ts';
export { IDENTIFIER, MAX_CHUNK } from './framing.ts';
export { type BlockCodecOptions, CODEC_MEMORY, createBlockCodec, sharedBlockCodec } from './wasm-block-codec.ts';
