// A peer that knows the key and floods a server, as a process of its own (hostile.ts starts it):
//   node hostile-peer.js FLOOD PORT SECONDS BYTES_PER_SECOND
// It prints the bytes of its datagrams. `innocent` is a bulk transfer of random bytes: with it, the
// others are compared at the same volume.

import { randomFillSync } from 'node:crypto';
import dgram from 'node:dgram';
import { HEADROOM, PacketBatch, writeU16, writeU32 } from '@kcptun/common';
import { SnappyEncoder } from '@kcptun/comp';
import { createPacketCrypt, deriveKey } from '@kcptun/crypt';
import { Endpoint, parseSessionParameters } from '@kcptun/session';
import { FLOODS, HOSTILE_KEY } from './hostile-floods.ts';

const [name = '', port = '', seconds = '', rate = ''] = process.argv.slice(2);
const flood = FLOODS[name];
if (flood === undefined) throw new RangeError(`no flood ${name}`);
const HOST = '127.0.0.1';
const socket = dgram.createSocket('udp4');
const random = (target: Uint8Array): void => void randomFillSync(target);
const crypt = createPacketCrypt({ method: 'aes', key: deriveKey(HOSTILE_KEY), random });
let sent = 0;
let deaf = false;

function transmit(batch: PacketBatch): number {
  for (let index = 0; index < batch.count; index++) {
    const bytes = Buffer.from(batch.packet(index));
    sent += bytes.length;
    socket.send(bytes, Number(port), HOST);
  }
  return batch.count;
}

const endpoint = new Endpoint({
  role: 'client',
  crypt,
  parameters: parseSessionParameters({ mode: 'fast3', sndWnd: 2048, rcvWnd: 2048, dataShards: 0, parityShards: 0 }),
  random,
  transmit,
});
const session = endpoint.open(0, performance.now());
const encoder = new SnappyEncoder();
const received = new PacketBatch();
const crafted = new PacketBatch();

function turn(): void {
  const now = performance.now();
  const due = endpoint.nextTimeout();
  if (due !== undefined && due <= now) endpoint.handleTimeout(now);
  while (endpoint.pollEvent() !== undefined);
  for (let one = endpoint.pollReadable(); one !== undefined; one = endpoint.pollReadable()) {
    while (one.peek()) one.consume(one.readLength);
  }
  while (endpoint.pollWritable() !== undefined);
  endpoint.flush(now);
}

socket.on('message', (bytes) => {
  if (deaf) return;
  received.clear();
  received.addReceived(bytes, 0);
  endpoint.handleDatagrams(received, performance.now());
  turn();
});

/** Seals a datagram made by hand and sends it. */
function sendRaw(bytes: Uint8Array): void {
  crafted.clear();
  const index = crafted.add(HEADROOM, bytes.length, 0);
  crafted.bytes.set(bytes, crafted.offset[index]);
  crypt.seal(crafted);
  transmit(crafted);
}

/** Writes bytes into the compressed stream, in chunks of a size. */
function writeStream(bytes: Uint8Array, chunk: number): void {
  for (let at = 0; at < bytes.length; at += chunk) {
    const piece = bytes.subarray(at, at + chunk);
    encoder.write(session, piece, piece.length, undefined, 0, 0);
  }
}

const segment = (cmd: number, sn: number, payload = 0): Uint8Array => {
  const bytes = new Uint8Array(24 + payload);
  writeU32(bytes, 0, session.conv);
  bytes[4] = cmd;
  writeU16(bytes, 6, 1024);
  writeU32(bytes, 8, Math.floor(performance.now()) >>> 0);
  writeU32(bytes, 12, sn);
  writeU32(bytes, 20, payload);
  return bytes;
};

// The session has to make sense before it does harm.
writeStream(Uint8Array.of(2, 3, 0, 0, 0, 0, 0, 0), 8);
turn();
await new Promise((resolve) => setTimeout(resolve, 300));
deaf = flood.kind === 'datagrams';
const started = performance.now();
const before = sent;
let step = 0;
while (performance.now() - started < Number(seconds) * 1000) {
  const allowed = ((performance.now() - started) / 1000) * Number(rate);
  for (let most = 400; most > 0 && sent - before < allowed; most--) {
    if (flood.kind === 'datagrams') {
      sendRaw(flood.make(step++, segment));
    } else {
      if (session.room() === 0) break;
      const { bytes, chunk } = flood.make(step++);
      writeStream(bytes, chunk);
      turn();
    }
  }
  turn();
  await new Promise((resolve) => setTimeout(resolve, 1));
}
console.log(sent - before);
process.exit();
