// Packets by hand, as a peer without any cipher would send them (PROTOCOL kcp §1, fec §1).

import { PacketBatch, writeU16, writeU32 } from '@kcptun/common';
import { FEC_HEADER_SIZE, FEC_TYPE_DATA } from '@kcptun/fec';
import { CMD_PUSH, OVERHEAD } from '@kcptun/kcp-core';
import type { Endpoint } from '../src/index.ts';

export interface SegmentFields {
  readonly conv?: number;
  readonly cmd?: number;
  readonly frg?: number;
  readonly wnd?: number;
  readonly ts?: number;
  readonly sn?: number;
  readonly una?: number;
  readonly payload?: Uint8Array;
}

/** One KCP segment. */
export function segment(fields: SegmentFields = {}): Uint8Array {
  const payload = fields.payload ?? new Uint8Array(0);
  const bytes = new Uint8Array(OVERHEAD + payload.length);
  writeU32(bytes, 0, fields.conv ?? 1);
  bytes[4] = fields.cmd ?? CMD_PUSH;
  bytes[5] = fields.frg ?? 0;
  writeU16(bytes, 6, fields.wnd ?? 128);
  writeU32(bytes, 8, fields.ts ?? 0);
  writeU32(bytes, 12, fields.sn ?? 0);
  writeU32(bytes, 16, fields.una ?? 0);
  writeU32(bytes, 20, payload.length);
  bytes.set(payload, OVERHEAD);
  return bytes;
}

/** Puts a FEC header in front of a KCP packet, or of a parity shard, when `type` says so. */
export function fec(packet: Uint8Array, seqid = 0, type: number = FEC_TYPE_DATA): Uint8Array {
  const bytes = new Uint8Array(FEC_HEADER_SIZE + packet.length);
  writeU32(bytes, 0, seqid);
  writeU16(bytes, 4, type);
  writeU16(bytes, 6, packet.length + 2);
  bytes.set(packet, FEC_HEADER_SIZE);
  return bytes;
}

/** A UTF-8 text as payload. */
export function text(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

const batch = new PacketBatch();

/** Hands datagrams of one path to an endpoint, a full batch at a time, without ending the turn. */
export function deliver(endpoint: Endpoint, path: number, datagrams: readonly Uint8Array[], now = 0): void {
  for (const datagram of datagrams) {
    batch.addReceived(datagram, path);
    if (batch.full) {
      endpoint.handleDatagrams(batch, now);
      batch.clear();
    }
  }
  if (batch.count > 0) endpoint.handleDatagrams(batch, now);
  batch.clear();
}
