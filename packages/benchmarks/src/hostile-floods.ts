// What a peer that knows the key can flood a server with, at the cost of few bytes.

import { randomBytes } from 'node:crypto';
import { writeU16, writeU32 } from '@kcptun/common';
import { FEC_TYPE_DATA, FEC_TYPE_PARITY } from '@kcptun/fec';
import { CMD_ACK, CMD_PUSH, CMD_WASK } from '@kcptun/kcp-core';

/** The key of servers that are flooded. */
export const HOSTILE_KEY = 'hostile';

/** Makes a KCP segment of the session. */
export type MakeSegment = (cmd: number, sn: number, payload?: number) => Uint8Array;

/** Bytes for the compressed stream, and of how many bytes its chunks are; or whole datagrams. */
export type Flood =
  | { readonly kind: 'stream'; make(step: number): { readonly bytes: Uint8Array; readonly chunk: number } }
  | { readonly kind: 'datagrams'; make(step: number, segment: MakeSegment): Uint8Array };

const NOP = 3;
const PSH = 2;
const UPD = 4;

function frame(command: number, sid: number, payload: Uint8Array = new Uint8Array(0)): Uint8Array {
  const bytes = new Uint8Array(8 + payload.length);
  bytes[0] = 2;
  bytes[1] = command;
  writeU16(bytes, 2, payload.length);
  writeU32(bytes, 4, sid);
  bytes.set(payload, 8);
  return bytes;
}

function repeated(part: Uint8Array, count: number): Uint8Array {
  const bytes = new Uint8Array(part.length * count);
  for (let at = 0; at < bytes.length; at += part.length) bytes.set(part, at);
  return bytes;
}

function stream(bytes: Uint8Array, chunk = 65_536): Flood {
  return { kind: 'stream', make: () => ({ bytes, chunk }) };
}

function fec(seqid: number, type: number, rest: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(6 + rest.length);
  writeU32(bytes, 0, seqid);
  writeU16(bytes, 4, type);
  bytes.set(rest, 6);
  return bytes;
}

const SHORT = new Uint8Array(18);
const LONG = new Uint8Array(1300).fill(1);
const [DATA, PARITY] = [60, 60];

/** Datagrams of groups that tell the counts at first, and then come as parity alone. */
function rebuilt(step: number, segment: MakeSegment): Uint8Array {
  const group = DATA + PARITY;
  if (step >= 3 * group) {
    const at = step - 3 * group;
    return fec((4 + Math.floor(at / PARITY)) * group + DATA + (at % PARITY), FEC_TYPE_PARITY, LONG);
  }
  if (step % group >= DATA) return fec(step, FEC_TYPE_PARITY, new Uint8Array(26));
  const inner = segment(CMD_WASK, 0);
  const shard = new Uint8Array(2 + inner.length);
  writeU16(shard, 0, shard.length);
  shard.set(inner, 2);
  return fec(step, FEC_TYPE_DATA, shard);
}

/** Streams that are opened and closed at once. */
function churn(step: number): { bytes: Uint8Array; chunk: number } {
  const parts: Uint8Array[] = [];
  for (let index = 0; index < 64; index++) {
    const sid = 2 * (64 * step + index) + 3;
    parts.push(frame(0, sid), frame(1, sid));
  }
  return { bytes: Buffer.concat(parts), chunk: 65_536 };
}

const filler = frame(PSH, 99, randomBytes(8000));
const window = new Uint8Array(8).fill(1);

/** All floods by name; `innocent` is traffic that somebody wants. */
export const FLOODS: Readonly<Record<string, Flood>> = {
  innocent: stream(filler),
  nop: stream(repeated(frame(NOP, 0), 8192)),
  'empty-psh': stream(repeated(frame(PSH, 99), 8192)),
  'tiny-chunks': stream(repeated(frame(NOP, 0), 256), 8),
  upd: stream(repeated(frame(UPD, 99, window), 4096)),
  churn: { kind: 'stream', make: churn },
  acks: { kind: 'datagrams', make: (step, segment) => repeated(segment(CMD_ACK, step), 57) },
  wask: { kind: 'datagrams', make: (_step, segment) => repeated(segment(CMD_WASK, 0), 57) },
  'empty-push': { kind: 'datagrams', make: (_step, segment) => repeated(segment(CMD_PUSH, 0), 57) },
  duplicates: { kind: 'datagrams', make: (_step, segment) => segment(CMD_PUSH, 0, 1300) },
  'fec-tune': { kind: 'datagrams', make: (step) => fec(0x7fff_fff0 - 2 * (step % 1_000_000_000), FEC_TYPE_PARITY, SHORT) },
  'fec-rebuild': { kind: 'datagrams', make: rebuilt },
};
