/** Forward error correction for KCP packets: groups, parity, recovery and auto-tuning, as kcp-go does it. */
export { TUNE_SAMPLES } from './auto-tuner.ts';
export { FEC_HEADER_SIZE, FEC_TYPE_DATA, FEC_TYPE_OOB, FEC_TYPE_PARITY, MAX_SHARD_SIZE, SKIP_PARITY_MS } from './constants.ts';
export {
  FecDecoder,
  type FecDecoderOptions,
  type FecDecoderStats,
  type FecObserver,
  KEPT_GROUPS,
  MAX_REBUILD_WORK,
} from './fec-decoder.ts';
export { FecEncoder, type FecEncoderOptions, type FecPolicy } from './fec-encoder.ts';
export { MOST_PARITY_PER_DATA, SentCounts, type SentCountsDecision } from './sent-counts.ts';
export { DEFAULT_POOL_SLOTS, fecBackend, POOL_SLOT_SIZE, poolFor, ShardPool, type ShardPoolOptions } from './shard-pool.ts';
