// TCP segments as fake TCP writes and reads them (PROTOCOL tunnel §11): one datagram is the payload of one segment.
//
//   0 source port  2 destination port  4 seq  8 ack  12 0x80 (8 words)  13 flags  14 window  16 checksum  18 urgent pointer
//   20 NOP NOP TIMESTAMP(8, length 10)  24 value  28 echo | 32 payload
//
// Checksums are sums of 16-bit words as they lie in memory: byte order does not matter to a one's complement sum that is stored the same way.

/** Bytes of a header that is sent. */
export const SEGMENT_HEADER = 32;
/** Bytes of a header without options. */
export const LEAST_HEADER = 20;
/** The number of TCP in the IP header. */
export const IPPROTO_TCP = 6;

/** Flags in byte 13. */
export const SYN = 0x02;
/** See {@link SYN}. */
export const PSH = 0x08;
/** See {@link SYN}. */
export const ACK = 0x10;

const WINDOW = 65_535;
const NOP = 1;
const TIMESTAMP = 8;
const TIMESTAMP_LENGTH = 10;
const NOP_NOP_TIMESTAMP = 0x0101080a;

/**
 * Writes the header of a PSH+ACK segment with a checksum of 0; all numbers are u32.
 * @param ports - both ports, the source in the upper half
 * @param timestamp - own clock in ms
 * @param echo - the clock of the peer, as last seen
 */
export function writeHeader(view: DataView, at: number, ports: number, seq: number, ack: number, timestamp: number, echo: number): void {
  view.setUint32(at, ports);
  view.setUint32(at + 4, seq);
  view.setUint32(at + 8, ack);
  view.setUint16(at + 12, ((SEGMENT_HEADER / 4) << 12) | PSH | ACK);
  view.setUint16(at + 14, WINDOW);
  view.setUint32(at + 16, 0);
  view.setUint32(at + 20, NOP_NOP_TIMESTAMP);
  view.setUint32(at + 24, timestamp);
  view.setUint32(at + 28, echo);
}

/** The sum of the words of `bytes[at, at + length)`; `words` is a view of the same memory from its first byte on. Exact up to 64 KiB. */
export function sumOf(bytes: Uint8Array, words: Int32Array, at: number, length: number): number {
  const end = at + length;
  let sum = 0;
  let next = at;
  if ((at & 3) === 0) {
    const last = end >>> 2;
    for (let word = at >>> 2; word < last; word++) {
      const value = words[word]!;
      sum += (value & 0xffff) + (value >>> 16);
    }
    next = last << 2;
  }
  for (; next + 1 < end; next += 2) sum += bytes[next]! | (bytes[next + 1]! << 8);
  return next < end ? sum + bytes[next]! : sum;
}

/** The part of the sum that the IP header adds: addresses and protocol, without the length. */
export function sumOfAddresses(source: Uint8Array, destination: Uint8Array): number {
  let sum = IPPROTO_TCP << 8;
  for (const address of [source, destination]) {
    for (let at = 0; at < address.length; at += 2) sum += (address[at] as number) | ((address[at + 1] as number) << 8);
  }
  return sum;
}

/** The checksum of a segment of `length` bytes with this sum, addresses included; 0 when the segment has a valid one already. */
export function checksum(sum: number, length: number): number {
  let folded = sum + ((length & 0xff) << 8) + (length >>> 8);
  folded = (folded & 0xffff) + (folded >>> 16);
  folded = (folded & 0xffff) + (folded >>> 16);
  return ~folded & 0xffff;
}

/** The timestamp in the header that begins at `at` and ends at `end`; 0 when it has none. */
export function timestampOf(view: DataView, at: number, end: number): number {
  if (end - at >= SEGMENT_HEADER && view.getUint32(at + 20) === NOP_NOP_TIMESTAMP) return view.getUint32(at + 24);
  let next = at + LEAST_HEADER;
  while (next + TIMESTAMP_LENGTH <= end) {
    const kind = view.getUint8(next);
    if (kind === TIMESTAMP) return view.getUint32(next + 2);
    if (kind === NOP) {
      next += 1;
      continue;
    }
    const length = view.getUint8(next + 1);
    if (kind === 0 || length < 2) break;
    next += length;
  }
  return 0;
}
