// FEC: the packets of a sender with any shard counts, in any order, mixed up with what no sender would send.

import { Arena, HEADROOM, PacketBatch, writeU16, writeU32 } from '@kcptun/common';
import { DEFAULT_POOL_SLOTS, FEC_HEADER_SIZE, FEC_TYPE_DATA, FEC_TYPE_PARITY, FecDecoder, FecEncoder, ShardPool } from '@kcptun/fec';
import { FuzzInput } from '../input.ts';
import { type FuzzTarget, insist } from '../target.ts';

const memory = new Arena({ byteLength: 8 << 20 });
const pool = new ShardPool({ memory });
const batch = new PacketBatch(memory);
const MAX_PACKET = 1500;
/** Slots that the pool keeps for what it rebuilds, once it has: the most data shards of a group here. */
const REBUILT_MOST = 20;

function run(bytes: Uint8Array): void {
  const input = new FuzzInput(bytes);
  const shards = { dataShards: 1 + (input.u8() % 20), parityShards: 1 + (input.u8() % 8) };
  const sender = { dataShards: 1 + (input.u8() % 20), parityShards: 1 + (input.u8() % 8) };
  const decoder = new FecDecoder({ ...shards, pool });
  const encoder = new FecEncoder({ ...sender, memory });
  const packet = new Uint8Array(MAX_PACKET);
  let now = 0;
  const take = (from: Uint8Array, offset: number, length: number): void => {
    const rebuilt = decoder.decode(from, offset, length, now);
    for (let index = 0; index < rebuilt; index++) {
      const at = decoder.recoveredOffset(index);
      const size = decoder.recoveredLength(index);
      insist(at >= 0 && size >= 0 && at + size <= decoder.recoveredBytes.length, 'what was rebuilt lies in the memory');
      insist(size <= MAX_PACKET, 'what was rebuilt is no longer than a datagram');
    }
    insist(pool.used <= DEFAULT_POOL_SLOTS, 'shards that are kept are bounded');
  };
  while (input.left > 0) {
    const command = input.u8();
    if ((command & 3) === 0) {
      // A packet by the real sender, some of them lost.
      const content = input.bytes(input.u8());
      batch.clear();
      batch.bytes.set(content, batch.slot(0) + HEADROOM);
      batch.add(HEADROOM, content.length, 0);
      now += input.u8() * 4;
      const parity = encoder.encode(batch, 0, now);
      for (let index = 0; index < parity; index++) encoder.emitParity(batch, index, 0);
      for (let index = 0; index < batch.count; index++) {
        if (((command >> 2) & (1 << (index % 6))) === 0) take(batch.bytes, batch.offset[index]!, batch.length[index]!);
      }
    } else {
      // One made by hand.
      writeU32(packet, 0, (command & 4) === 0 ? input.u8() : input.u32());
      writeU16(packet, 4, (command & 8) === 0 ? FEC_TYPE_DATA : FEC_TYPE_PARITY);
      writeU16(packet, 6, input.u16());
      const content = input.bytes(command & 16 ? input.u16() % (MAX_PACKET - FEC_HEADER_SIZE) : input.u8());
      packet.set(content, FEC_HEADER_SIZE);
      take(packet, 0, (command & 32) === 0 ? FEC_HEADER_SIZE + content.length : Math.min(command, FEC_HEADER_SIZE + content.length));
    }
  }
  decoder.close();
  encoder.close();
  insist(pool.used <= REBUILT_MOST, 'all shards come back');
}

/** Packets of a sender, and what looks like them. */
export const fecTarget: FuzzTarget = {
  name: 'fec',
  maxLength: 1024,
  share: 1,
  seeds: [
    Uint8Array.of(2, 0, 2, 0, ...Array.from({ length: 12 }, (_, index) => [index % 3 === 1 ? 4 : 0, 3, 1, 2, index, 1]).flat()),
    Uint8Array.of(9, 2, 9, 2, ...Array.from({ length: 40 }, (_, index) => [index % 9 === 1 ? 4 : 0, 3, 1, 2, index, 1]).flat()),
    Uint8Array.of(
      0,
      0,
      4,
      1,
      ...Array.from({ length: 30 }, (_, index) => [1 + ((index % 7 > 4 ? 1 : 0) << 3), index, 5, 0, 3, 7, 7, 7]).flat(),
    ),
  ],
  run,
};
