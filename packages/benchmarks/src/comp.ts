// Block codecs and CRC-32C: MB/s of uncompressed bytes, medians of short interleaved runs.
// Run: node packages/benchmarks/dist/comp.js

import { randomBytes } from 'node:crypto';
import { type BlockCodec, createBlockCodec, MAX_BLOCK } from '@kcptun/comp';
import { loadSnappyCodecSync } from '@kcptun/comp/node';
import { median } from '@kcptun/testkit';

const ROUNDS = 9;
const BYTES_PER_RUN = 4_000_000;

const native = loadSnappyCodecSync();
const codecs: BlockCodec[] = [createBlockCodec(), createBlockCodec({ wasm: false }), ...(native === undefined ? [] : [native])];
const target = new Uint8Array(80_000);

for (const size of [MAX_BLOCK, 8192]) {
  for (const [name, bytes] of Object.entries(samples(size))) {
    const contestants = codecs.map((codec) => contestant(codec, bytes));
    for (let round = 0; round < ROUNDS; round++) for (const each of contestants) each.run();
    for (const each of contestants) console.log(`${String(size).padStart(6)} ${name.padEnd(6)} ${each.line()}`);
  }
}

/** What is compressed: the kinds by their names. */
function samples(size: number): Record<string, Uint8Array> {
  const digits = new Uint8Array(Buffer.alloc(size, '0123456789'));
  return { text: text(size), json: json(size), digits, zeros: new Uint8Array(size), random: new Uint8Array(randomBytes(size)) };
}

/** One codec with its samples: nanoseconds a call for compress, uncompress, crc32c. */
function contestant(codec: BlockCodec, bytes: Uint8Array): { run: () => void; line: () => string } {
  const size = bytes.length;
  const limit = size - (size >> 3);
  const block = new Uint8Array(80_000);
  const blockLength = codec.compress(bytes, 0, size, block, 0, block.length);
  const kept = codec.compress(bytes, 0, size, target, 0, limit) || size;
  const samples: number[][] = [[], [], []];
  const calls = [
    () => codec.compress(bytes, 0, size, target, 0, limit),
    () => codec.uncompress(block, 0, blockLength, target, 0, MAX_BLOCK),
    () => codec.crc32c(bytes, 0, size),
  ];
  return {
    run: () => {
      for (const [index, call] of calls.entries()) samples[index]?.push(time(call, Math.ceil(BYTES_PER_RUN / size)));
    },
    line: () => {
      const rates = samples.map((times) => ((size / median(times)) * 1000).toFixed(0).padStart(6));
      return `${codec.name.padEnd(11)} ${((kept / size) * 100).toFixed(0).padStart(3)} %  compress ${rates[0]}  uncompress ${rates[1]}  crc32c ${rates[2]} MB/s`;
    },
  };
}

function time(call: () => number, times: number): number {
  const start = process.hrtime.bigint();
  for (let index = 0; index < times; index++) call();
  return Number(process.hrtime.bigint() - start) / times;
}

/** Sentences of a small vocabulary, as far from each other as words of a real text. */
function text(size: number): Uint8Array {
  const syllables = ['the', 'tun', 'nel', 'win', 'dow', 'ack', 'of', 'loss', 'er', 'ing', 'to', 'seg', 'ment', 'and', 'ra', 'te'];
  let state = 12_345;
  let result = '';
  while (result.length < size) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    result += syllables[state >>> 28] ?? '';
    if ((state & 0x3000000) === 0) result += state & 0x4000000 ? ' ' : ', ';
  }
  return new TextEncoder().encode(result).slice(0, size);
}

function json(size: number): Uint8Array {
  let result = '';
  for (let id = 0; result.length < size; id++) {
    result += `${JSON.stringify({ id, name: `user${(id * 7919) % 1000}`, active: id % 3 === 0, score: Math.sin(id), tags: ['a', `c${id % 10}`] })}\n`;
  }
  return new TextEncoder().encode(result).slice(0, size);
}
