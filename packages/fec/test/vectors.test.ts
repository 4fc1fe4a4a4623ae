// Packets, recoveries and auto-tuning of kcp-go, byte for byte, on both kernels.
import { PacketBatch } from '@kcptun/common';
import { describe, expect, test } from 'vitest';
import vectors from '../../testkit/vectors/fec.json' with { type: 'json' };
import { FecDecoder, FecEncoder, SKIP_PARITY_MS } from '../src/index.ts';
import { BACKENDS, decodePacket, encodePacket, hex, makePool, unhex } from './packets.ts';

const STEP_MS = 10;

describe.each(BACKENDS)('$name', ({ wasm }) => {
  test.each(vectors.sets)('encodes $ds+$ps: $note', (set) => {
    const pool = makePool(wasm);
    for (const batch of [new PacketBatch(pool.memory), new PacketBatch()]) {
      const encoder = new FecEncoder({ dataShards: set.ds, parityShards: set.ps, pool, firstSeqid: set.start_seqid });
      let now = 0;
      set.encode.forEach((step, index) => {
        now += index === set.skip_at ? SKIP_PARITY_MS + STEP_MS : STEP_MS;
        expect(encodePacket(encoder, batch, unhex(step.in), now).map(hex)).toEqual(step.out);
      });
    }
  });

  test.each(vectors.sets)('recovers $ds+$ps: $note', (set) => {
    const packets = set.encode.flatMap((step) => step.out).map(unhex);
    for (const { deliver, recovered, recovered_payload } of set.erasures) {
      const decoder = new FecDecoder({ dataShards: set.ds, parityShards: set.ps, pool: makePool(wasm), trustCounts: true });
      const seen: string[] = [];
      const payloads: string[] = [];
      deliver.forEach((number) => {
        const packet = packets[number] as Uint8Array;
        const rebuilt = decoder.decode(packet, 0, packet.length);
        for (let i = 0; i < rebuilt; i++) {
          const offset = decoder.recoveredOffset(i);
          // The raw shard: its size field in front and, behind the packet, the padding that parity is made over.
          const raw = recovered[seen.length]?.split(':')[1] ?? '';
          seen.push(`${number}:${hex(decoder.recoveredBytes.slice(offset - 2, offset - 2 + raw.length / 2))}`);
          payloads.push(hex(decoder.recoveredBytes.slice(offset, offset + decoder.recoveredLength(i))));
        }
      });
      expect(seen).toEqual(recovered);
      expect(payloads).toEqual(recovered_payload);
      expect(decoder.stats.recovered).toBe(recovered.length);
      expect(decoder.stats.errs).toBe(0);
    }
  });

  test.each(vectors.autotune)(
    'tunes from $decoder_initial to $encoder',
    ({ encoder: [ds, ps], decoder_initial, data_packets, transitions }) => {
      const pool = makePool(wasm);
      const encoder = new FecEncoder({ dataShards: ds as number, parityShards: ps as number, pool });
      const [dataShards, parityShards] = decoder_initial as [number, number];
      const decoder = new FecDecoder({ dataShards, parityShards, pool });
      const batch = new PacketBatch(pool.memory);
      const seen: string[] = [];
      let before = '';
      let number = 0;
      let recovered = 0;
      for (let i = 0; i < data_packets; i++) {
        const out = encodePacket(
          encoder,
          batch,
          Uint8Array.from({ length: 24 }, (_, at) => i + at),
          i * STEP_MS,
        );
        out.forEach((packet, place) => {
          recovered += decodePacket(decoder, packet).length;
          const state = `ds=${decoder.dataShards} ps=${decoder.parityShards} tuning=${decoder.tuning} recovered=${recovered}`;
          const seqid = new DataView(packet.buffer).getUint32(0, true);
          if (state !== before) seen.push(`after packet #${number} (seqid ${seqid} ${place === 0 ? 'data' : 'parity'}): ${state}`);
          before = state;
          number += 1;
        });
      }
      expect(seen).toEqual(transitions);
    },
  );
});
