// A peer that knows the key and floods a server, as a process of its own (hostile.ts starts it):
//   node hostile-peer.js FLOOD PORT BYTES_PER_SECOND SESSIONS
// It says `ready` when it begins, goes on until its input ends, and then prints what it has sent, in
// bytes a second with the headers of IP and UDP. `innocent` is a bulk transfer to the target: with it
// the others are compared at the same volume. It sends as the programs do, in batches: on a machine
// with few cores, one that sends datagram by datagram takes from the innocent what a flood would not.

import { randomBytes, randomFillSync } from 'node:crypto';
import { ChunkPool, HEADROOM, PacketBatch, readU32, writeU16, writeU32 } from '@kcptun/common';
import { SnappyDecoder, SnappyEncoder } from '@kcptun/comp';
import { deriveKey } from '@kcptun/crypt';
import { Endpoint, parseSessionParameters, type Session } from '@kcptun/session';
import { parseSmuxConfig, SmuxSession } from '@kcptun/smux';
import { createNodeHost, type DatagramSocket } from '@kcptun/transport';
import { FLOODS, HOSTILE_KEY } from './hostile-floods.ts';

const [name = '', port = '', rate = '', count = '1'] = process.argv.slice(2);
const flood = FLOODS[name];
if (flood === undefined) throw new RangeError(`no flood ${name}`);
/** Another address than that of the innocent client, whose share it would use up otherwise. */
const HOST = '127.0.0.2';
const SERVER = '127.0.0.1';
/** Of IP and UDP. */
const DATAGRAM_HEADERS = 28;
const host = createNodeHost();
const random = (target: Uint8Array): void => void randomFillSync(target);
const crypt = host.createCrypt('aes', deriveKey(HOSTILE_KEY));
let sent = 0;

function transmit(batch: PacketBatch): number {
  for (let index = 0; index < batch.count; index++) sent += (batch.length[index] ?? 0) + DATAGRAM_HEADERS;
  return socket.send(batch);
}

const endpoint = new Endpoint({
  role: 'client',
  crypt,
  parameters: parseSessionParameters({ mode: 'fast3', sndWnd: 2048, rcvWnd: 2048, dataShards: 0, parityShards: 0 }),
  random,
  memory: host.memory,
  transmit,
});

/** A session of this peer, and how far it is. */
class Attacker {
  readonly session: Session = endpoint.open(0, performance.now());
  readonly #encoder: SnappyEncoder = new SnappyEncoder();
  una = 0;
  step = 0;

  /** Writes bytes into the compressed stream, in chunks of a size. */
  write(bytes: Uint8Array, chunk: number): void {
    for (let at = 0; at < bytes.length; at += chunk) {
      const piece = bytes.subarray(at, at + chunk);
      this.#encoder.write(this.session, piece, piece.length, undefined, 0, 0);
    }
  }

  readonly segment = (cmd: number, sn: number, payload: Uint8Array = new Uint8Array(0), conv: number = this.session.conv): Uint8Array => {
    const bytes = new Uint8Array(24 + payload.length);
    writeU32(bytes, 0, conv);
    bytes[4] = cmd;
    writeU16(bytes, 6, 1024);
    writeU32(bytes, 8, Math.floor(performance.now()) >>> 0);
    writeU32(bytes, 12, sn);
    writeU32(bytes, 20, payload.length);
    bytes.set(payload, 24);
    return bytes;
  };

  /** Opens a stream to the target; returns what reads answers and writes on. */
  openStream(): () => void {
    const smux = new SmuxSession({ client: true, config: parseSmuxConfig({ version: 2 }), pool: new ChunkPool(), now: 0 });
    const stream = smux.openStream(0);
    const decoder = new SnappyDecoder();
    const block = randomBytes(65_536);
    const encoder = this.#encoder;
    const { session } = this;
    const sink = {
      room: (): number => session.room(),
      write: (bytes: Uint8Array, offset: number, length: number): void =>
        encoder.write(session, bytes.subarray(offset, offset + length), length, undefined, 0, 0),
      frame: (head: Uint8Array, headLength: number, payload: Uint8Array, offset: number, length: number): void =>
        encoder.write(session, head, headLength, payload, offset, length),
    };
    return () => {
      while (session.peek()) {
        session.consume(decoder.handleData(session.readBytes, session.readOffset, session.readLength));
        decoder.consumed(smux.handleData(decoder.outputBytes, decoder.outputOffset, decoder.outputLength, 0));
      }
      while (smux.pollWritable() !== undefined);
      if (stream.bufferedAmount === 0) stream.write(block);
      smux.pollTransmit(sink);
    };
  }
}

const attackers = Array.from({ length: Number(count) }, () => new Attacker());
const wanted = flood.kind === 'wanted' ? attackers.map((attacker) => attacker.openStream()) : [];
const crafted = new PacketBatch(host.memory);
let deaf = false;

function turn(): void {
  const now = performance.now();
  const due = endpoint.nextTimeout();
  if (due !== undefined && due <= now) endpoint.handleTimeout(now);
  while (endpoint.pollEvent() !== undefined);
  for (let one = endpoint.pollReadable(); one !== undefined; one = endpoint.pollReadable()) {
    if (flood?.kind === 'wanted') continue;
    while (one.peek()) one.consume(one.readLength);
  }
  while (endpoint.pollWritable() !== undefined);
  endpoint.flush(now);
}

function handleBatch(received: PacketBatch): void {
  if (!deaf) {
    endpoint.handleDatagrams(received, performance.now());
    turn();
    return;
  }
  crypt.open(received);
  for (let index = 0; index < received.count; index++) {
    if ((received.length[index] ?? 0) < 24) continue;
    const packet = received.packet(index);
    for (const attacker of attackers) {
      if (attacker.session.conv === readU32(packet, 0)) attacker.una = Math.max(attacker.una, readU32(packet, 16));
    }
  }
}

function openSocket(): Promise<DatagramSocket> {
  return new Promise((resolve, reject) => {
    const options = { host: HOST, port: 0, remote: { address: SERVER, port: Number(port), family: 4 as const } };
    host.openDatagram(options, { onBatch: handleBatch, onTrouble: reject }, (error, opened) => {
      if (opened === undefined) reject(error);
      else resolve(opened);
    });
  });
}

/** Sends the datagrams that were made by hand. */
function sendCrafted(): void {
  if (flood?.kind === 'datagrams' && flood.sealed !== false) crypt.seal(crafted);
  if (crafted.count > 0) transmit(crafted);
  crafted.clear();
}

/** Puts a datagram that was made by hand beside others. */
function sendRaw(bytes: Uint8Array): void {
  const index = crafted.add(HEADROOM, bytes.length, 0);
  crafted.bytes.set(bytes, crafted.offset[index]);
  if (crafted.full) sendCrafted();
}

/** Sends the next of one session; false: it has no room. */
function floodOnce(attacker: Attacker, index: number): boolean {
  if (flood?.kind === 'datagrams') {
    sendRaw(flood.make({ step: attacker.step++, una: attacker.una, segment: attacker.segment }));
    return true;
  }
  if (attacker.session.room() === 0) return false;
  if (flood?.kind === 'stream') {
    const { bytes, chunk } = flood.make(attacker.step++);
    attacker.write(bytes, chunk);
  } else {
    wanted[index]?.();
  }
  turn();
  return true;
}

const socket = await openSocket();
// The sessions have to make sense before they do harm.
if (flood.kind !== 'wanted') for (const attacker of attackers) attacker.write(Uint8Array.of(2, 3, 0, 0, 0, 0, 0, 0), 8);
turn();
await new Promise((resolve) => setTimeout(resolve, 300));
deaf = flood.kind === 'datagrams';
const started = performance.now();
const before = sent;
let ended = false;
const finish = (): void => {
  ended = true;
};
process.stdin.on('end', finish).resume();
console.log('ready');
let next = 0;
while (!ended) {
  const allowed = ((performance.now() - started) / 1000) * Number(rate);
  let refused = 0;
  for (let most = 400; most > 0 && sent - before < allowed && refused < attackers.length; most--) {
    next = (next + 1) % attackers.length;
    refused = floodOnce(attackers[next] as Attacker, next) ? 0 : refused + 1;
  }
  sendCrafted();
  turn();
  await new Promise((resolve) => setTimeout(resolve, 1));
}
console.log(Math.round((sent - before) / ((performance.now() - started) / 1000)));
process.exit();
