// What the tests share: memories for both kernels, and an encoder that works on plain packets.
import { Arena, HEADROOM, type PacketBatch } from '@kcptun/common';
import { type FecDecoder, type FecEncoder, ShardPool } from '../src/index.ts';

export const BACKENDS: { name: string; wasm: boolean }[] = [
  { name: 'wasm', wasm: true },
  { name: 'typescript', wasm: false },
];

export function makePool(wasm = true, slots = 1024): ShardPool {
  return new ShardPool({ memory: new Arena({ wasm }), slots });
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

export function unhex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'hex'));
}

/** Encodes one KCP packet and returns what goes out: the data packet, then its parity packets. */
export function encodePacket(encoder: FecEncoder, batch: PacketBatch, packet: Uint8Array, now: number): Uint8Array[] {
  batch.clear();
  // Rubbish where the padding goes: the encoder must not take it into the parity.
  batch.bytes.fill(0xee, batch.slot(0), batch.slot(1));
  const index = batch.add(HEADROOM, packet.length, 7);
  batch.bytes.set(packet, batch.offset[index]);
  const due = encoder.encode(batch, index, now);
  const out = [batch.packet(index).slice()];
  for (let k = 0; k < due; k++) {
    batch.clear();
    batch.add(HEADROOM, 0, 0);
    const at = encoder.emitParity(batch, k, 9);
    out.push(batch.packet(at).slice());
  }
  return out;
}

/** Gives a packet to a decoder and returns copies of what was rebuilt. */
export function decodePacket(decoder: FecDecoder, packet: Uint8Array): Uint8Array[] {
  const rebuilt = decoder.decode(packet, 0, packet.length);
  return Array.from({ length: rebuilt }, (_, index) => {
    const offset = decoder.recoveredOffset(index);
    return decoder.recoveredBytes.slice(offset, offset + decoder.recoveredLength(index));
  });
}
