// Portable block ciphers beside OpenSSL where this Node has the cipher, in us of CPU per 1350-byte packet, and QPP in MB
// per CPU second: medians of short interleaved rounds. OpenSSL runs one long-lived cipher over many packets, its best case.
// Run on built output: node [--openssl-legacy-provider] packages/benchmarks/dist/block.js [name ...]

import { createCipheriv, createDecipheriv } from 'node:crypto';
import { QppPads, QppStream } from '@kcptun/crypt';
import { median } from '@kcptun/testkit';

/** The block ciphers are internal to their package: their built file is read by its path. */
const ciphers = (await import(new URL('../../crypt/dist/block/index.js', import.meta.url).href)) as Record<string, CipherFactory>;

type CipherFactory = (key: Uint8Array) => {
  readonly blockSize: number;
  encrypt(bytes: Uint8Array, offset: number, length: number): void;
  decrypt(bytes: Uint8Array, offset: number, length: number): void;
};

const PACKET = 1350;
const SLOT = 1536;
const SLOTS = 64;
const OFFSET = 4;
const ROUNDS = 11;
const PACKETS_A_ROUND = 1920;
const CIPHERS: readonly (readonly [name: string, keyLength: number, openssl?: string])[] = [
  ['blowfish', 16, 'bf-cfb'],
  ['twofish', 32],
  ['cast5', 16, 'cast5-cfb'],
  ['tripleDes', 24, 'des-ede3-cfb'],
  ['tea', 16],
  ['xtea', 16],
  ['sm4', 16, 'sm4-cfb'],
];

const bytes = Uint8Array.from({ length: SLOT * SLOTS }, (_, i) => i * 31);

/** One thing to measure: `run` works through `packets` packets. */
interface Subject {
  readonly name: string;
  readonly run: (packets: number) => void;
  readonly samples: number[];
}

function subject(name: string, work: (offset: number) => void): Subject {
  return {
    name,
    run: (packets) => {
      for (let i = 0; i < packets; i++) work((i % SLOTS) * SLOT + OFFSET);
    },
    samples: [],
  };
}

/** Runs all subjects in turn, a discarded warm-up round first, and prints what `format` makes of each median. */
function compare(subjects: readonly Subject[], format: (microsecondsPerPacket: number) => string): void {
  for (let round = 0; round <= ROUNDS; round++) {
    for (const each of subjects) {
      const before = process.cpuUsage();
      each.run(PACKETS_A_ROUND);
      const used = process.cpuUsage(before);
      if (round > 0) each.samples.push((used.user + used.system) / PACKETS_A_ROUND);
    }
  }
  for (const { name, samples } of subjects) console.log(name.padEnd(28), format(median(samples)));
}

function cipherSubjects([name, keyLength, openssl]: (typeof CIPHERS)[number]): Subject[] {
  const key = Uint8Array.from({ length: keyLength }, (_, i) => 11 * i + 3);
  const cipher = (ciphers[name] as CipherFactory)(key);
  const subjects = [
    subject(`${name} encrypt`, (offset) => cipher.encrypt(bytes, offset, PACKET)),
    subject(`${name} decrypt`, (offset) => cipher.decrypt(bytes, offset, PACKET)),
  ];
  if (openssl === undefined) return subjects;
  try {
    const iv = new Uint8Array(cipher.blockSize);
    const encipher = createCipheriv(openssl, key, iv);
    const decipher = createDecipheriv(openssl, key, iv);
    subjects.push(
      subject(`${name} encrypt, OpenSSL`, (offset) => encipher.update(bytes.subarray(offset, offset + PACKET))),
      subject(`${name} decrypt, OpenSSL`, (offset) => decipher.update(bytes.subarray(offset, offset + PACKET))),
    );
  } catch {
    console.log(`${name}: this OpenSSL lacks ${openssl}`);
  }
  return subjects;
}

function qppSubjects(): Subject[] {
  const pads = new QppPads("it's a secrect", 61, 'c');
  const sender = new QppStream(pads);
  const receiver = new QppStream(pads);
  return [
    subject('qpp encrypt', (offset) => sender.encrypt(bytes, offset, PACKET)),
    subject('qpp decrypt', (offset) => receiver.decrypt(bytes, offset, PACKET)),
  ];
}

const chosen = process.argv.slice(2);
for (const cipher of CIPHERS) {
  if (chosen.length > 0 && !chosen.includes(cipher[0])) continue;
  compare(cipherSubjects(cipher), (microseconds) => `${microseconds.toFixed(2).padStart(7)} us`);
}
if (chosen.length === 0 || chosen.includes('qpp')) {
  compare(qppSubjects(), (microseconds) => `${(PACKET / microseconds).toFixed(0).padStart(7)} MB/s`);
}
