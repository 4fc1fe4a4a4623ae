// What the two shard counts of a group allow and imply.

import { checkInteger } from '@kcptun/common';
import { MAX_SHARDS } from 'reedsolomon-wasm';

/** Checks shard counts that a programmer or user chose. */
export function checkShards(dataShards: number, parityShards: number): void {
  checkInteger(dataShards, 'dataShards', 1, MAX_SHARDS - 1);
  checkInteger(parityShards, 'parityShards', 1, MAX_SHARDS - 1);
  if (dataShards + parityShards > MAX_SHARDS) {
    throw new RangeError(`dataShards + parityShards must be at most ${MAX_SHARDS}, got ${dataShards + parityShards}`);
  }
}

/** Sequence ids are counted modulo the largest multiple of `shards` (of one group) below 2^32 (PROTOCOL fec §2). */
export function seqidLimit(shards: number): number {
  return Math.floor(0xffffffff / shards) * shards;
}
