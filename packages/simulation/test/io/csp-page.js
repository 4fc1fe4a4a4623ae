// What a page does with the pure packages: every cipher, FEC, compression and a transfer between two endpoints. Runs in a browser
// (csp.test.ts); tells the server that it came from which backends were taken, or what failed.
// @ts-nocheck A browser reads it as it stands, so it has no types.

import { Arena, HEADROOM, PacketBatch } from '@kcptun/common';
import { createBlockCodec, SnappyDecoder, SnappyEncoder } from '@kcptun/comp';
import { CRYPT_METHODS, createPacketCrypt } from '@kcptun/crypt';
import { FecDecoder, FecEncoder, fecBackend } from '@kcptun/fec';
import { Endpoint, parseSessionParameters } from '@kcptun/session';
import { ReedSolomon } from 'reedsolomon-wasm';

const key = new Uint8Array(32).map((_, index) => index * 7);
const random = (target) => crypto.getRandomValues(target);

function check(right, what) {
  if (!right) throw new Error(`${what} is wrong`);
}

function same(a, b) {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}

function cipher(method) {
  const end = createPacketCrypt({ method, key, random });
  const batch = new PacketBatch();
  const plain = random(new Uint8Array(1000));
  batch.bytes.set(plain, batch.offset[batch.add(HEADROOM, plain.length, 0)]);
  end.seal(batch);
  const received = new PacketBatch();
  received.addReceived(batch.packet(0), 0);
  check(end.open(received) === 0 && same(received.packet(0), plain), method);
  return end.backend;
}

function fec() {
  const memory = new Arena();
  const shards = { dataShards: 3, parityShards: 2, memory };
  const encoder = new FecEncoder(shards);
  const decoder = new FecDecoder({ ...shards, trustCounts: true });
  const batch = new PacketBatch(memory);
  for (let id = 0; id < 3; id++) {
    const index = batch.add(HEADROOM, 24, 0);
    batch.bytes.fill(id, batch.offset[index], batch.offset[index] + 24);
    const due = encoder.encode(batch, index, id);
    for (let k = 0; k < due; k++) encoder.emitParity(batch, k, 0);
  }
  let rebuilt = 0;
  for (const place of [2, 3, 4]) rebuilt += decoder.decode(batch.bytes, batch.offset[place], batch.length[place]);
  check(rebuilt === 2 && decoder.recoveredBytes[decoder.recoveredOffset(1)] === 1, 'what FEC rebuilt');
  check(new ReedSolomon(3, 2).backend === fecBackend(memory), 'the backend of a Reed-Solomon codec alone');
  return fecBackend(memory);
}

function compression() {
  const plain = new Uint8Array(100_000).map((_, index) => index % 251);
  const decoder = new SnappyDecoder();
  const out = [];
  const feed = (bytes) => {
    for (let done = 0; done < bytes.length || decoder.outputLength > 0; ) {
      if (done < bytes.length) done += decoder.handleData(bytes, done, bytes.length - done);
      out.push(...decoder.outputBytes.subarray(decoder.outputOffset, decoder.outputOffset + decoder.outputLength));
      decoder.consumed(decoder.outputLength);
    }
  };
  new SnappyEncoder().write(
    { room: () => 1 << 30, write: (bytes, offset, length) => feed(bytes.slice(offset, offset + length)) },
    plain,
    plain.length,
    undefined,
    0,
    0,
  );
  check(same(Uint8Array.from(out), plain), 'what was compressed');
  return createBlockCodec().name;
}

function session() {
  const wires = { client: new PacketBatch(), server: new PacketBatch() };
  const make = (role) =>
    new Endpoint({
      role,
      crypt: createPacketCrypt({ method: 'twofish', key, random }),
      parameters: parseSessionParameters({ keepShards: true }),
      random,
      transmit: (batch) => {
        for (let index = 0; index < batch.count; index++) wires[role].addReceived(batch.packet(index), 0);
        return batch.count;
      },
    });
  const client = make('client');
  const server = make('server');
  const plain = random(new Uint8Array(20_000));
  client.open(0, 0).write(plain, 0, plain.length);
  client.flush(0);
  server.handleDatagrams(wires.client, 1);
  const out = [];
  for (let from = server.pollReadable(); from !== undefined; from = server.pollReadable()) {
    while (from.peek()) {
      out.push(...from.readBytes.subarray(from.readOffset, from.readOffset + from.readLength));
      from.consume(from.readLength);
    }
  }
  check(out.length > 0 && same(Uint8Array.from(out), plain.subarray(0, out.length)), 'what a session carried');
  return out.length;
}

let report;
try {
  report = {
    ciphers: Object.fromEntries(CRYPT_METHODS.map((method) => [method, cipher(method)])),
    fec: fec(),
    compression: compression(),
    session: session(),
  };
} catch (error) {
  report = { error: String(error.stack ?? error) };
}
await fetch('/report', { method: 'POST', body: JSON.stringify(report) });
