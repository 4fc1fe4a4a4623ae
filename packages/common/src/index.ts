/** Shared ground of the kcptun packages. */
export { Arena, type ArenaOptions, type KernelExports, type KernelMemory } from './arena.ts';
export { BatchPool } from './batch-pool.ts';
export { ByteQueue, type Chunk, ChunkPool } from './byte-queue.ts';
export type { ByteSink, RandomSource } from './bytes.ts';
export { checkBytes, checkInteger } from './checks.ts';
export { Deadlines, type HasDeadline } from './deadlines.ts';
export { isKcptunError, KcptunError } from './errors.ts';
export { readU16, readU32, serialDiff, writeU16, writeU32 } from './integers.ts';
export { type LogFields, type Logger, SILENT_LOGGER } from './logger.ts';
export {
  BATCH_CAPACITY,
  DROPPED,
  HEADROOM,
  MAX_DATAGRAM,
  PacketBatch,
  RECEIVE_OFFSET,
  SLOT_SIZE,
} from './packet-batch.ts';
export { Ring } from './ring.ts';
export { WorkAccount } from './work-account.ts';
