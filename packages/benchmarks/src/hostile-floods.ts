// What a peer that knows the key can flood a server with, at the cost of few bytes.

import { randomBytes } from 'node:crypto';
import { writeU16, writeU32 } from '@kcptun/common';
import { FEC_TYPE_DATA, FEC_TYPE_PARITY } from '@kcptun/fec';
import { CMD_ACK, CMD_PUSH, CMD_WASK, CMD_WINS } from '@kcptun/kcp-core';

/** The key of servers that are flooded. */
export const HOSTILE_KEY = 'hostile';

/** What datagrams of a flood are made for. */
export interface Crafted {
  /** Number of the datagram in its session. */
  readonly step: number;
  /** First sn that the server has not acknowledged. */
  readonly una: number;
  /** Makes a KCP segment of the session; `sn` is of this end, `conv` of another session. */
  segment(cmd: number, sn: number, payload?: Uint8Array, conv?: number): Uint8Array;
}

/**
 * Bytes for the compressed stream, and of how many bytes its chunks are; or whole datagrams, which are
 * sealed as they should be unless `sealed` is false; or bytes that somebody wants, for the target.
 */
export type Flood =
  | { readonly kind: 'wanted' }
  | { readonly kind: 'stream'; readonly refuse?: boolean; make(step: number): { readonly bytes: Uint8Array; readonly chunk: number } }
  | { readonly kind: 'datagrams'; readonly sealed?: boolean; make(crafted: Crafted): Uint8Array };

const SYN = 0;
const FIN = 1;
const PSH = 2;
const NOP = 3;
const UPD = 4;
/** The stream that a flood opens first, and one that it does not. */
const [OPEN, UNKNOWN] = [3, 99];
/** Segments without payload that fit into a datagram. */
const SEGMENTS = 57;
const NOTHING = new Uint8Array(0);

function frame(command: number, sid: number, payload: Uint8Array = NOTHING): Uint8Array {
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

function stream(bytes: Uint8Array, chunk = 65_536, first: Uint8Array = NOTHING): Flood {
  return { kind: 'stream', make: (step) => ({ bytes: step === 0 && first.length > 0 ? first : bytes, chunk }) };
}

/** The same segment as often as fits. */
function segments(cmd: number, sn: (step: number) => number = () => 0): Flood {
  return { kind: 'datagrams', make: ({ step, segment }) => repeated(segment(cmd, sn(step)), SEGMENTS) };
}

/** Streams that are opened, `used` frames for each, and closed at once. */
function churn(refuse: boolean): Flood {
  const make = (step: number): { bytes: Uint8Array; chunk: number } => {
    const parts: Uint8Array[] = [];
    for (let index = 0; index < 64; index++) {
      const sid = 2 * (64 * step + index) + 5;
      parts.push(frame(SYN, sid), frame(FIN, sid));
    }
    return { bytes: Buffer.concat(parts), chunk: 65_536 };
  };
  return { kind: 'stream', refuse, make };
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

/** A datagram of FEC data that holds a segment. */
function fecData(seqid: number, inner: Uint8Array): Uint8Array {
  const shard = new Uint8Array(2 + inner.length);
  writeU16(shard, 0, shard.length);
  shard.set(inner, 2);
  return fec(seqid, FEC_TYPE_DATA, shard);
}

/** Datagrams of groups that tell the counts at first, and then come as parity alone. */
function rebuilt({ step, segment }: Crafted): Uint8Array {
  const group = DATA + PARITY;
  if (step >= 3 * group) {
    const at = step - 3 * group;
    return fec((4 + Math.floor(at / PARITY)) * group + DATA + (at % PARITY), FEC_TYPE_PARITY, LONG);
  }
  if (step % group >= DATA) return fec(step, FEC_TYPE_PARITY, new Uint8Array(26));
  return fecData(step, segment(CMD_WASK, 0));
}

/** Groups whose shapes change all the time: 1 to 64 of data, 1 to 64 of parity, some of them missing. */
function shapes({ step, segment }: Crafted): Uint8Array {
  const shape = Math.floor(step / 128);
  const data = 1 + ((shape * 7) % 64);
  const isData = step % 128 < data;
  if (isData) return fecData(step, segment(CMD_WINS, 0));
  return fec(step + (step % 3), FEC_TYPE_PARITY, (step & 1) === 0 ? LONG : SHORT);
}

/** The bytes of a compressed stream with chunks that are skipped: they cost their reader work and carry nothing. */
const SKIPPED = Uint8Array.of(0xfe, 0xff, 0xff, 0);
const SKIPPED_LENGTH = 4 + 0xffff;

/** Segments of one byte, each a "fragment" of a message that never ends, within the window. */
function fragments({ step, una, segment }: Crafted): Uint8Array {
  const most = 55;
  const parts: Uint8Array[] = [];
  for (let index = 0; index < most; index++) {
    const sn = una + ((step * most + index) % 990);
    const part = segment(CMD_PUSH, sn, Uint8Array.of(SKIPPED[(sn - 1) % SKIPPED_LENGTH] ?? 0));
    part[5] = 255;
    parts.push(part);
  }
  return Buffer.concat(parts);
}

const window = new Uint8Array(8).fill(1);
const openWindow = Uint8Array.of(0, 0, 0, 0, 0, 0, 4, 0);
const open = frame(SYN, OPEN);
const noise = randomBytes(1400);

/** All floods by name; `innocent` is traffic that somebody wants. */
export const FLOODS: Readonly<Record<string, Flood>> = {
  innocent: { kind: 'wanted' },
  nop: stream(repeated(frame(NOP, 0), 8192)),
  'empty-psh': stream(repeated(frame(PSH, UNKNOWN), 8192)),
  'empty-psh-open': stream(repeated(frame(PSH, OPEN), 8192), 65_536, open),
  'one-byte-psh': stream(repeated(frame(PSH, OPEN, Uint8Array.of(7)), 4096), 65_536, open),
  'tiny-chunks': stream(repeated(frame(NOP, 0), 256), 8),
  upd: stream(repeated(frame(UPD, UNKNOWN, window), 4096)),
  'upd-open': stream(repeated(frame(UPD, OPEN, openWindow), 4096), 65_536, open),
  churn: churn(false),
  refused: churn(true),
  acks: segments(CMD_ACK, (step) => step),
  'old-acks': segments(CMD_ACK),
  wask: segments(CMD_WASK),
  wins: segments(CMD_WINS),
  'empty-push': segments(CMD_PUSH),
  duplicates: { kind: 'datagrams', make: ({ segment }) => segment(CMD_PUSH, 0, LONG) },
  fragments: { kind: 'datagrams', make: fragments },
  'fec-tune': { kind: 'datagrams', make: ({ step }) => fec(0x7fff_fff0 - 2 * (step % 1_000_000_000), FEC_TYPE_PARITY, SHORT) },
  'fec-rebuild': { kind: 'datagrams', make: rebuilt },
  'fec-shapes': { kind: 'datagrams', make: shapes },
  'half-open': { kind: 'datagrams', make: ({ step, segment }) => segment(CMD_PUSH, 0, SHORT, 0x1000_0000 + step) },
  'wrong-key': { kind: 'datagrams', sealed: false, make: ({ step }) => noise.subarray(step % 1300, (step % 1300) + 44) },
};
