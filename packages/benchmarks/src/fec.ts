// FEC: microseconds of CPU per data packet of a 1350-byte datagram, groups of 10 + 3, with the WebAssembly kernel and with its
// TypeScript twin, in interleaved rounds. "copy" is what a decoder cannot go below: one copy of each data packet.
// Run on built output: node packages/benchmarks/dist/fec.js

import { Arena, HEADROOM, PacketBatch } from '@kcptun/common';
import { FecDecoder, FecEncoder, ShardPool } from '@kcptun/fec';
import { median } from '@kcptun/testkit';

const DATA_SHARDS = 10;
const PARITY_SHARDS = 3;
// A datagram of 1350 bytes without nonce and CRC-32 (20 bytes) and FEC header (8 bytes).
const KCP_PACKET = 1322;
const GROUPS_A_ROUND = 400;
const ROUNDS = 11;

interface Subject {
  readonly name: string;
  /** Works on one group. */
  readonly run: (group: number) => void;
  readonly samples: number[];
}

/** Everything about one kernel. `lost`: data packets of each group that do not arrive. */
function subjects(wasm: boolean): Subject[] {
  const memory = new Arena({ wasm });
  const pool = new ShardPool({ memory });
  const name = wasm ? 'wasm' : 'typescript';
  return [
    { name: `${name} encode`, run: encoding(pool, new PacketBatch(memory)), samples: [] },
    { name: `${name} encode, batch elsewhere`, run: encoding(pool, new PacketBatch()), samples: [] },
    { name: `${name} decode, nothing lost`, run: decoding(pool, []), samples: [] },
    { name: `${name} decode, 1 lost`, run: decoding(pool, [4]), samples: [] },
    { name: `${name} decode, 3 lost`, run: decoding(pool, [0, 4, 7]), samples: [] },
  ];
}

function encoding(pool: ShardPool, batch: PacketBatch): (group: number) => void {
  const encoder = new FecEncoder({ dataShards: DATA_SHARDS, parityShards: PARITY_SHARDS, pool });
  return (group) => encodeGroup(encoder, batch, group);
}

function encodeGroup(encoder: FecEncoder, batch: PacketBatch, now: number): void {
  batch.clear();
  for (let index = 0; index < DATA_SHARDS; index++) {
    const due = encoder.encode(batch, batch.add(HEADROOM, KCP_PACKET, 0), now);
    for (let k = 0; k < due; k++) encoder.emitParity(batch, k, 0);
  }
}

/** Each run takes one group in; as many groups as a decoder tells apart are made before. */
function decoding(pool: ShardPool, lost: readonly number[]): (group: number) => void {
  const encoder = new FecEncoder({ dataShards: DATA_SHARDS, parityShards: PARITY_SHARDS, pool });
  const decoder = new FecDecoder({ dataShards: DATA_SHARDS, parityShards: PARITY_SHARDS, pool });
  const batch = new PacketBatch(pool.memory);
  encodeGroup(encoder, batch, 0);
  encodeGroup(encoder, batch, 1);
  const shards = DATA_SHARDS + PARITY_SHARDS;
  let first = 0;
  return () => {
    for (let index = 0; index < shards; index++) {
      if (lost.includes(index)) continue;
      const offset = batch.offset[index] as number;
      const seqid = first + index;
      for (let at = 0; at < 4; at++) batch.bytes[offset + at] = seqid >>> (8 * at);
      decoder.decode(batch.bytes, offset, batch.length[index] as number);
    }
    first += shards;
  };
}

function copying(): Subject {
  const bytes = new Uint8Array(64 * 1536);
  const run = (): void => {
    for (let index = 0; index < DATA_SHARDS; index++) bytes.copyWithin((index + 20) * 1536, index * 1536, index * 1536 + KCP_PACKET + 2);
  };
  return { name: 'copy', run, samples: [] };
}

const all = [copying(), ...subjects(true), ...subjects(false)];
let group = 1;
for (let round = 0; round <= ROUNDS; round++) {
  for (const subject of all) {
    const before = process.cpuUsage();
    for (let count = 0; count < GROUPS_A_ROUND; count++) subject.run(group++);
    const used = process.cpuUsage(before);
    const spent = (used.user + used.system) / GROUPS_A_ROUND / DATA_SHARDS;
    // The first round only warms up.
    if (round > 0) subject.samples.push(spent);
  }
}
console.log(`FEC ${DATA_SHARDS}/${PARITY_SHARDS}, us per data packet of ${KCP_PACKET} bytes: median (least) of ${ROUNDS} rounds`);
for (const { name, samples } of all) {
  console.log(`${name.padEnd(32)} ${median(samples).toFixed(3)}  (${Math.min(...samples).toFixed(3)})`);
}
