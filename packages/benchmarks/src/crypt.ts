// Packet ciphers: microseconds of CPU per 1350-byte datagram, sealed and opened, by batch size and backend.
// Run on built output: node packages/benchmarks/dist/crypt.js [method ...]

import { randomFillSync } from 'node:crypto';
import { Arena, HEADROOM, PacketBatch, RECEIVE_OFFSET } from '@kcptun/common';
import { CRYPT_METHODS, type CryptMethod, createPacketCrypt, deriveKey, type PacketCrypt } from '@kcptun/crypt';
import { createNodePacketCrypt } from '@kcptun/crypt/node';
import { median } from '@kcptun/testkit';

const DATAGRAM = 1350;
const BATCH_SIZES = [1, 8, 48];
const ROUNDS = 7;
const PACKETS_A_ROUND = 1500;

/** One thing to measure: prepares a batch and works on it; `work` false measures the preparation alone. */
interface Subject {
  readonly name: string;
  readonly batchSize: number;
  readonly run: (work: boolean) => void;
}

function sealing(name: string, crypt: PacketCrypt, memory: Arena, batchSize: number): Subject {
  const batch = new PacketBatch(memory);
  const size = DATAGRAM - crypt.headerSize - crypt.tagSize;
  return {
    name,
    batchSize,
    run: (work) => {
      batch.clear();
      for (let index = 0; index < batchSize; index++) batch.add(HEADROOM, size, 0);
      if (work) crypt.seal(batch);
    },
  };
}

function opening(name: string, crypt: PacketCrypt, memory: Arena, batchSize: number): Subject {
  const batch = new PacketBatch(memory);
  for (let index = 0; index < batchSize; index++) batch.add(HEADROOM, DATAGRAM - crypt.headerSize - crypt.tagSize, 0);
  crypt.seal(batch);
  const wires = batch.bytes.slice(batch.base, batch.slot(batchSize));
  const shift = HEADROOM - crypt.headerSize - RECEIVE_OFFSET;
  return {
    name,
    batchSize,
    run: (work) => {
      batch.bytes.set(wires, batch.base - shift);
      batch.clear();
      for (let index = 0; index < batchSize; index++) batch.add(RECEIVE_OFFSET, DATAGRAM, 0);
      if (work && crypt.open(batch) !== 0) throw new Error(`${name}: a packet was refused`);
    },
  };
}

/** CPU microseconds per packet of one short run. */
function measure(subject: Subject, work: boolean): number {
  const runs = Math.ceil(PACKETS_A_ROUND / subject.batchSize);
  const before = process.cpuUsage();
  for (let run = 0; run < runs; run++) subject.run(work);
  const used = process.cpuUsage(before);
  return (used.user + used.system) / runs / subject.batchSize;
}

function compare(method: CryptMethod): void {
  const key = deriveKey("it's a secrect");
  const memory = new Arena({ byteLength: 4 * 1024 * 1024 });
  // Room in front of the first batch, so that `opening` may restore its slots a little further to the front.
  memory.reserve(64);
  const backends: [string, PacketCrypt][] = [
    ['portable', createPacketCrypt({ method, key, random: randomFillSync, memory })],
    ['no wasm', createPacketCrypt({ method, key, random: randomFillSync, memory: new Arena({ byteLength: 65_536, wasm: false }) })],
    ['node', createNodePacketCrypt({ method, key, memory, native: false })],
    ['native', createNodePacketCrypt({ method, key, memory, native: true })],
  ];
  const subjects: Subject[] = [];
  for (const [name, crypt] of backends) {
    for (const batchSize of BATCH_SIZES) {
      subjects.push(sealing(`${name} seal`, crypt, memory, batchSize), opening(`${name} open`, crypt, memory, batchSize));
    }
  }
  const results = new Map<Subject, number[]>(subjects.map((subject) => [subject, []]));
  for (let round = 0; round <= ROUNDS; round++) {
    for (const subject of subjects) {
      const cost = measure(subject, true) - measure(subject, false);
      if (round > 0) results.get(subject)?.push(cost);
    }
  }
  const rows = new Map<string, string[]>();
  for (const [subject, costs] of results) {
    const row = rows.get(subject.name) ?? [];
    row.push(median(costs).toFixed(2).padStart(8));
    rows.set(subject.name, row);
  }
  for (const [name, row] of rows) console.log(`${method.padEnd(12)} ${name.padEnd(14)} ${row.join('')}`);
}

const chosen = process.argv.slice(2);
console.log(`us of CPU per ${DATAGRAM}-byte datagram, batches of ${BATCH_SIZES.join(', ')}`);
for (const method of CRYPT_METHODS) {
  if (chosen.length === 0 || chosen.includes(method)) compare(method);
}
