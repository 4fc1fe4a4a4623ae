// Headers and checksums of fake TCP segments.

import { Random } from '@kcptun/testkit';
import { describe, expect, it } from 'vitest';
import { checksum, SEGMENT_HEADER, sumOf, sumOfAddresses, timestampOf, writeHeader } from '../../src/node/fake-tcp/segment.ts';

/** The checksum as RFC 1071 writes it: big-endian words, carries folded as they come. */
function plainChecksum(source: Uint8Array, destination: Uint8Array, segment: Uint8Array): number {
  const length = segment.length;
  const bytes = [...source, ...destination, 0, 6, length >> 8, length & 0xff, ...segment, ...(length % 2 === 0 ? [] : [0])];
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) {
    sum += ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
    sum = (sum & 0xffff) + (sum >>> 16);
  }
  return ~sum & 0xffff;
}

describe('a segment', () => {
  it('has the fields of PROTOCOL tunnel §11', () => {
    const view = new DataView(new ArrayBuffer(SEGMENT_HEADER + 3));
    writeHeader(view, 3, 0x0fa0_1388, 0xfffffffe, -2, 0x01020304, 0x11121314);
    expect(Buffer.from(view.buffer).subarray(3).toString('hex')).toBe(
      `0fa01388${'fffffffe'}${'fffffffe'}8018ffff00000000${'0101080a'}0102030411121314`,
    );
  });

  it.each([4, 16])('has the checksum of RFC 1071, addresses of %i bytes, any length, any place', (size) => {
    const random = new Random(size);
    for (let round = 0; round < 300; round++) {
      const at = random.integer(0, 40);
      const length = random.integer(0, 1600);
      // All ones are the sums with the most carries.
      const memory = round % 3 === 0 ? new Uint8Array(2048).fill(0xff) : new Uint8Array(2048);
      if (round % 3 !== 0) memory.set(random.bytes(2048));
      const words = new Int32Array(memory.buffer);
      const [source, destination] = [random.bytes(size), random.bytes(size)];
      const got = checksum(sumOfAddresses(source, destination) + sumOf(memory, words, at, length), length);
      const swapped = ((got & 0xff) << 8) | (got >>> 8);
      expect(swapped).toBe(plainChecksum(source, destination, memory.subarray(at, at + length)));
    }
  });

  it('with its checksum in it sums up to 0, and no longer when a bit has changed', () => {
    const memory = new Uint8Array(64 + SEGMENT_HEADER);
    const words = new Int32Array(memory.buffer);
    const view = new DataView(memory.buffer);
    writeHeader(view, 0, 1, 2, 3, 4, 5);
    memory.fill(0xab, SEGMENT_HEADER);
    const addresses = sumOfAddresses(Uint8Array.of(10, 0, 0, 1), Uint8Array.of(10, 0, 0, 2));
    view.setUint16(16, checksum(addresses + sumOf(memory, words, 0, memory.length), memory.length), true);
    expect(checksum(addresses + sumOf(memory, words, 0, memory.length), memory.length)).toBe(0);
    memory[40] = 0xaa;
    expect(checksum(addresses + sumOf(memory, words, 0, memory.length), memory.length)).not.toBe(0);
  });

  it('does not overflow at 64 KiB', () => {
    const memory = new Uint8Array(65_536).fill(0xff);
    expect(sumOf(memory, new Int32Array(memory.buffer), 0, 65_536)).toBe(32_768 * 0xffff);
  });
});

describe('the timestamp of a segment', () => {
  const read = (...options: number[]): number => {
    const view = new DataView(new ArrayBuffer(20 + options.length));
    for (const [index, byte] of options.entries()) view.setUint8(20 + index, byte);
    return timestampOf(view, 0, 20 + options.length);
  };

  it.each([
    ['NOP NOP TIMESTAMP', [1, 1, 8, 10, 0, 0, 1, 2, 0, 0, 0, 0], 258],
    ['that of a handshake of Linux', [2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 3, 4, 0, 0, 0, 0, 1, 3, 3, 7], 772],
    ['none', [], 0],
    ['the end of options before it', [0, 0, 8, 10, 0, 0, 3, 4, 0, 0, 0, 0], 0],
    ['an option of length 0', [5, 0, 8, 10, 0, 0, 3, 4, 0, 0, 0, 0], 0],
    ['an option that is longer than the header', [5, 200, 8, 10, 0, 0, 3, 4, 0, 0, 0, 0], 0],
    ['a timestamp that is cut', [1, 1, 8, 10, 0, 0], 0],
  ])('%s', (_name, options, timestamp) => {
    expect(read(...options)).toBe(timestamp);
  });

  it('never reads beyond the header, whatever is in it', () => {
    const random = new Random(3);
    for (let round = 0; round < 2000; round++) {
      expect(() => read(...random.bytes(random.integer(0, 40)))).not.toThrow();
    }
  });
});
