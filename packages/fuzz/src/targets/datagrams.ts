// Datagrams as they come from the network, for both ends: with a cipher that checks nothing, so that all of it reaches demultiplexing, FEC and
// KCP, and with one that checks, sealed or not.

import { Arena, DROPPED, HEADROOM, PacketBatch, writeU16, writeU32 } from '@kcptun/common';
import { type CryptMethod, createPacketCrypt } from '@kcptun/crypt';
import { DEFAULT_POOL_SLOTS, FEC_HEADER_SIZE, FEC_TYPE_DATA, FEC_TYPE_OOB, FEC_TYPE_PARITY, POOL_SLOT_SIZE } from '@kcptun/fec';
import { Endpoint, parseSessionParameters, type Session } from '@kcptun/session';
import { Random } from '@kcptun/testkit';
import { FuzzInput } from '../input.ts';
import { type FuzzTarget, insist } from '../target.ts';

const KEY = new Uint8Array(32).fill(7);
const WINDOW = 32;
const MAX_SESSIONS = 6;
const PARAMETERS = parseSessionParameters({ mode: 'fast3', sndWnd: WINDOW, rcvWnd: WINDOW, dataShards: 3, parityShards: 2 });
const SEGMENT_HEADER = 24;
const METHODS: readonly CryptMethod[] = ['null', 'none', 'xor', 'salsa20'];
const FEC_TYPES = [FEC_TYPE_DATA, FEC_TYPE_PARITY, FEC_TYPE_OOB, 0x1234] as const;
/** Segments of a session: what is sent and unacknowledged, what is received and unread, in order and not, and what a turn may add. */
const SEGMENTS_MOST = 4 * WINDOW + 64;

/** The pools of shards and batches, and the tables of kernels. */
const MEMORY_MOST = (DEFAULT_POOL_SLOTS + 1) * POOL_SLOT_SIZE + (1 << 20);

const memory = new Arena({ byteLength: 8 << 20 });
const batch = new PacketBatch(memory);
const random = new Random(1);
const crypts = new Map(METHODS.map((method) => [method, createPacketCrypt({ method, key: KEY, random: random.source, memory })]));

function run(role: 'client' | 'server', bytes: Uint8Array): void {
  const input = new FuzzInput(bytes);
  const crypt = crypts.get(METHODS[input.u8() % METHODS.length] ?? 'null');
  if (crypt === undefined) return;
  random.reseed(1);
  let sent = 0;
  const endpoint = new Endpoint({
    role,
    crypt,
    parameters: PARAMETERS,
    random: random.source,
    memory,
    maxSessions: MAX_SESSIONS,
    transmit: (out) => {
      sent += out.count;
      return out.count;
    },
  });
  const sessions: Session[] = [];
  let now = 1000;
  let inside = 0;
  let written = 0;
  if (role === 'client') sessions.push(endpoint.open(0, now));
  while (input.left > 0) {
    const command = input.u8();
    const session = sessions[(command >> 4) % Math.max(1, sessions.length)];
    switch (command & 15) {
      case 0:
        now += input.u16() / 8;
        endpoint.handleTimeout(now);
        break;
      case 1:
        if (session === undefined || session.room() === 0) break;
        session.write(bytes, 0, Math.min(bytes.length, session.room()));
        written += 1;
        break;
      case 2:
        while (session?.peek() === true) session.consume(session.readLength);
        break;
      case 3:
        if (role === 'server') session?.close();
        break;
      default:
        batch.clear();
        for (let count = 1 + ((command >> 4) & 3); count > 0; count--) addDatagram(input, crypt.headerSize + crypt.tagSize, sessions);
        if ((command & 7) !== 7) sealKeepingPaths(crypt);
        endpoint.handleDatagrams(batch, now);
        inside += batch.count;
    }
    for (let event = endpoint.pollEvent(); event !== undefined; event = endpoint.pollEvent()) {
      if (event.type === 'opened') sessions.push(event.session);
      else sessions.splice(sessions.indexOf(event.session), 1);
    }
    while (endpoint.pollReadable() !== undefined);
    while (endpoint.pollWritable() !== undefined);
    endpoint.flush(now);
    while (endpoint.pollForgottenPath() !== undefined);
    insist(endpoint.sessionCount <= MAX_SESSIONS, 'sessions are bounded');
    const next = endpoint.nextTimeout();
    insist(next === undefined || Number.isFinite(next), 'the next timeout is a time');
  }
  // What an application wrote is sent again and again; without that there are only answers.
  if (role === 'server' && written === 0) insist(sent <= inside * 16, 'little is sent for what comes');
  const { RingBufferSndQueue, RingBufferRcvQueue, RingBufferSndBuffer } = endpoint.counters.snapshot();
  insist(RingBufferSndQueue + RingBufferRcvQueue + RingBufferSndBuffer <= MAX_SESSIONS * SEGMENTS_MOST, 'segments are bounded');
  endpoint.close(now);
  insist(memory.used <= MEMORY_MOST, 'memory comes back but for the pools');
}

function sealKeepingPaths(crypt: { seal(batch: PacketBatch): void }): void {
  for (let index = 0; index < batch.count; index++) if (batch.length[index] === 0) batch.length[index] = DROPPED;
  crypt.seal(batch);
}

/** A datagram: KCP segments with few or many plausible fields, a FEC header in front of them or not, or raw bytes. */
function addDatagram(input: FuzzInput, overhead: number, sessions: readonly Session[]): void {
  const shape = input.u8();
  const at = batch.slot(batch.count) + HEADROOM;
  const room = 1500 - overhead;
  let length = 0;
  if ((shape & 1) !== 0) {
    writeU32(batch.bytes, at, (shape & 2) === 0 ? input.u8() : input.u32());
    writeU16(batch.bytes, at + 4, FEC_TYPES[(shape >> 2) & 3] ?? 0);
    writeU16(batch.bytes, at + 6, input.u16());
    length = FEC_HEADER_SIZE;
  }
  if ((shape & 16) !== 0) {
    const raw = input.bytes(input.u8());
    batch.bytes.set(raw, at + length);
    length += raw.length;
  } else {
    for (let count = 1 + (shape >> 6); count > 0; count--) {
      const start = at + length;
      const small = (input.u8() & 1) === 0;
      const conv = sessions[shape % Math.max(1, sessions.length)]?.conv ?? 1;
      writeU32(batch.bytes, start, (shape & 32) === 0 ? conv : input.u32());
      batch.bytes[start + 4] = 81 + (input.u8() % 5);
      batch.bytes[start + 5] = input.u8();
      writeU16(batch.bytes, start + 6, input.u16());
      for (const field of [8, 12, 16]) writeU32(batch.bytes, start + field, small ? input.u8() : input.u32());
      const payload = input.bytes(input.u8());
      writeU32(batch.bytes, start + 20, small ? payload.length : input.u16());
      batch.bytes.set(payload, start + SEGMENT_HEADER);
      length += SEGMENT_HEADER + payload.length;
      if (length > room - 300) break;
    }
  }
  batch.add(HEADROOM, length, input.u8() % 4);
}

const SEEDS = [
  Uint8Array.of(0, 4, 0, 0, 0, 0, 32, 0, 0, 0, 0, 3, 1, 2, 3, 0, 2, 1, 0, 0, 80, 0),
  Uint8Array.of(1, 4, 1, 0, 40, 0, 0, 0, 0, 32, 0, 0, 0, 0, 3, 1, 2, 3, 0, 2, 0, 0, 1, 0, 0, 9),
  Uint8Array.of(2, 0x34, 0x40, 0, 0, 0, 32, 0, 0, 0, 0, 1, 5, 0, 1, 0, 32, 0, 1, 0, 0, 1, 6, 0, 4, 16, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9, 1),
  Uint8Array.of(3, 1, 0, 0, 1, 4, 0, 0, 1, 0, 32, 0, 5, 0, 1, 0, 0, 0, 0, 2, 3, 0x13),
];

/** What comes to a server. */
export const serverTarget: FuzzTarget = {
  name: 'datagrams-server',
  maxLength: 1024,
  share: 1,
  seeds: SEEDS,
  run: (bytes) => run('server', bytes),
};
/** What comes to a client. */
export const clientTarget: FuzzTarget = {
  name: 'datagrams-client',
  maxLength: 1024,
  share: 1,
  seeds: SEEDS,
  run: (bytes) => run('client', bytes),
};
