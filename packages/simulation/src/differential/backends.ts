// Every backend against the portable one, with the same inputs: ciphers, CRC, compression, Reed-Solomon; and QPP cut into pieces.

import { Arena } from '@kcptun/common';
import { type BlockCodec, crc32c, createBlockCodec, TypescriptBlockCodec } from '@kcptun/comp';
import { loadSnappyCodecSync } from '@kcptun/comp/node';
import { CRYPT_METHODS, type CryptMethod, createPacketCrypt, type PacketCrypt, QppPads, QppStream } from '@kcptun/crypt';
import { createNodePacketCrypt } from '@kcptun/crypt/node';
import type { Random } from '@kcptun/testkit';
import { ReedSolomon } from 'reedsolomon-wasm';
import { open, seal } from './batches.ts';
import { type Comparison, difference, drawBytes, equalBytes } from './comparison.ts';

function cryptsOf(method: CryptMethod, key: Uint8Array, random: Random): PacketCrypt[] {
  const source = random.fork().source;
  const memory = new Arena({ byteLength: 1 << 20 });
  return [
    createPacketCrypt({ method, key, random: source, memory: new Arena({ byteLength: 1 << 20, wasm: false }) }),
    createPacketCrypt({ method, key, random: source, memory }),
    createNodePacketCrypt({ method, key, random: source, memory, native: false }),
    createNodePacketCrypt({ method, key, random: source, memory, native: true }),
  ];
}

/** What any backend seals, all others open; nobody opens what is damaged. The CRC within is compared as well. */
export const CRYPT_BACKENDS: Comparison = {
  name: 'ciphers and CRC: portable, WebAssembly, node:crypto, native',
  run(random) {
    const method = random.pick(CRYPT_METHODS);
    const crypts = cryptsOf(method, random.bytes(32), random);
    const plain = Array.from({ length: random.integer(1, 20) }, () => random.bytes(random.integer(1, 1400)));
    for (const [writer, sealer] of crypts.entries()) {
      const sealed = seal(sealer, plain);
      for (const [reader, opener] of crypts.entries()) {
        const opened = open(opener, sealed);
        if (opened.some((packet, index) => packet === undefined || !equalBytes(packet, plain[index] as Uint8Array))) {
          return `${method}: sealed by ${sealer.backend} (${writer}), opened by ${opener.backend} (${reader})`;
        }
      }
    }
    for (const crypt of crypts) crypt.close();
    return undefined;
  },
};

const codecs: readonly BlockCodec[] = [new TypescriptBlockCodec(), createBlockCodec()];
const native = loadSnappyCodecSync();

/** Compression: WebAssembly makes the bytes of TypeScript, and each reads the other's and those of the native package. */
export const COMP_BACKENDS: Comparison = {
  name: `compression and CRC-32C: portable, WebAssembly${native === undefined ? '' : ', native'}`,
  run(random) {
    const plain = drawBytes(random, random.integer(1, 65_536));
    const blocks: Uint8Array[] = [];
    for (const codec of native === undefined ? codecs : [...codecs, native]) {
      const target = new Uint8Array(codec.maxCompressedLength(plain.length));
      const length = codec.compress(plain, 0, plain.length, target, 0, target.length);
      if (length > 0) blocks.push(target.slice(0, length));
      if (codec.crc32c(plain, 0, plain.length) !== crc32c(plain, 0, plain.length)) return `${codec.name}: CRC-32C of ${plain.length} bytes`;
    }
    const [first, second] = blocks;
    if (first !== undefined && second !== undefined) {
      const problem = difference('compressed', first, second);
      if (problem !== undefined) return problem;
    }
    for (const [index, block] of blocks.entries()) {
      for (const codec of codecs) {
        const target = new Uint8Array(plain.length);
        const length = codec.uncompress(block, 0, block.length, target, 0, target.length);
        if (length !== plain.length || !equalBytes(target, plain)) return `${codec.name}: block of codec ${index}`;
      }
    }
    return undefined;
  },
};

/** Reed-Solomon: parity and reconstruction, WebAssembly and TypeScript. */
export const RS_BACKENDS: Comparison = {
  name: 'Reed-Solomon: portable, WebAssembly',
  run(random) {
    const data = random.integer(1, 40);
    const parity = random.integer(1, 20);
    const length = random.integer(1, 1500);
    const coders = [new ReedSolomon(data, parity, { wasm: false }), new ReedSolomon(data, parity)];
    const source = Array.from({ length: data }, () => random.bytes(length));
    const all = coders.map((coder) => {
      const shards = [...source.map((shard) => shard.slice()), ...Array.from({ length: parity }, () => new Uint8Array(length))];
      coder.encode(shards);
      return shards;
    });
    const [one, other] = all.map((shards) => Buffer.concat(shards));
    const problem = difference('parity', one as Uint8Array, other as Uint8Array);
    if (problem !== undefined) return problem;
    const lost = random.shuffle(Array.from({ length: data + parity }, (_, index) => index)).slice(0, random.integer(0, parity));
    for (const [index, coder] of coders.entries()) {
      const shards: (Uint8Array | undefined)[] = (all[1 - index] as Uint8Array[]).map((shard, at) =>
        lost.includes(at) ? undefined : shard.slice(),
      );
      coder.reconstruct(shards);
      const wrong = difference(`rebuilt by ${coder.backend}`, Buffer.concat(shards as Uint8Array[]), one as Uint8Array);
      if (wrong !== undefined) return wrong;
    }
    return undefined;
  },
};

const pads = (['a', 'b', 'c'] as const).map((generation) => new QppPads('it is a secret of some length, as it should be', 7, generation));

/** QPP: a stream in one piece, and cut anywhere; and back. */
export const QPP_PIECES: Comparison = {
  name: 'QPP, whole and cut into pieces',
  run(random) {
    const pad = random.pick(pads);
    const plain = random.bytes(random.integer(1, 20_000));
    const whole = plain.slice();
    new QppStream(pad).encrypt(whole, 0, whole.length);
    const cut = plain.slice();
    const streams = { encrypt: new QppStream(pad), decrypt: new QppStream(pad) };
    for (const way of ['encrypt', 'decrypt'] as const) {
      for (let at = 0; at < cut.length; ) {
        const part = Math.min(cut.length - at, random.integer(1, random.pick([3, 100, 5000])));
        if (way === 'encrypt') streams.encrypt.encrypt(cut, at, part);
        else streams.decrypt.decrypt(cut, at, part);
        at += part;
      }
      const problem = difference(way, cut, way === 'encrypt' ? whole : plain);
      if (problem !== undefined) return problem;
    }
    return undefined;
  },
};
