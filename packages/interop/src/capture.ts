// Reads what tcpdump has written: IP packets on Ethernet, and of TCP and UDP the headers. Offsets are those of the RFCs; nothing here is
// shared with the code under test.

import { readFileSync } from 'node:fs';

/** An IP packet. */
export interface CapturedPacket {
  readonly family: 4 | 6;
  readonly source: string;
  readonly destination: string;
  /** TOS or traffic class. */
  readonly mark: number;
  readonly protocol: 'tcp' | 'udp';
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** Bytes of payload behind the TCP or UDP header. */
  readonly length: number;
  /** What TCP has besides. */
  readonly tcp: CapturedSegment | undefined;
}

/** A TCP header. */
export interface CapturedSegment {
  readonly seq: number;
  readonly ack: number;
  /** In the order of tcpdump: `S`, `F`, `R`, `P`, `.` for ACK. */
  readonly flags: string;
  readonly window: number;
  /** Bytes of the header. */
  readonly header: number;
  /** Its options, in hexadecimal. */
  readonly options: string;
  readonly checksumValid: boolean;
}

const FILE_HEADER = 24;
const RECORD_HEADER = 16;
const ETHERNET_HEADER = 14;
const MAGIC = 0xa1b2c3d4;
const FLAGS = 'FSRP.U';

/**
 * The TCP and UDP packets of a file, in order.
 * @throws {Error} when the file is none of tcpdump's
 */
export function parseCapture(file: string): CapturedPacket[] {
  const bytes = readFileSync(file);
  if (bytes.length < FILE_HEADER || bytes.readUInt32LE(0) !== MAGIC) throw new Error(`${file} is no capture`);
  const packets: CapturedPacket[] = [];
  for (let at = FILE_HEADER; at + RECORD_HEADER <= bytes.length; ) {
    const length = bytes.readUInt32LE(at + 8);
    const frame = bytes.subarray(at + RECORD_HEADER, at + RECORD_HEADER + length);
    if (frame.length < length) break; // is being written
    at += RECORD_HEADER + length;
    const packet = parsePacket(frame.subarray(ETHERNET_HEADER));
    if (packet !== undefined) packets.push(packet);
  }
  return packets;
}

function parsePacket(ip: Buffer): CapturedPacket | undefined {
  const family = (ip[0] as number) >> 4 === 6 ? 6 : 4;
  const header = family === 6 ? 40 : ((ip[0] as number) & 15) * 4;
  const protocol = ip[family === 6 ? 6 : 9] === 6 ? 'tcp' : ip[family === 6 ? 6 : 9] === 17 ? 'udp' : undefined;
  const total = family === 6 ? 40 + ip.readUInt16BE(4) : ip.readUInt16BE(2);
  if (protocol === undefined) return undefined;
  const [from, to] = family === 6 ? [ip.subarray(8, 24), ip.subarray(24, 40)] : [ip.subarray(12, 16), ip.subarray(16, 20)];
  const body = ip.subarray(header, total);
  const tcp = protocol === 'tcp' ? parseSegment(body, Buffer.concat([from, to])) : undefined;
  return {
    family,
    source: formatIp(from),
    destination: formatIp(to),
    mark: family === 6 ? (ip.readUInt16BE(0) >> 4) & 0xff : (ip[1] as number),
    protocol,
    sourcePort: body.readUInt16BE(0),
    destinationPort: body.readUInt16BE(2),
    length: body.length - (tcp?.header ?? 8),
    tcp,
  };
}

function parseSegment(body: Buffer, addresses: Buffer): CapturedSegment {
  const header = ((body[12] as number) >> 4) * 4;
  const flags = body[13] as number;
  return {
    seq: body.readUInt32BE(4),
    ack: body.readUInt32BE(8),
    flags: [...FLAGS].filter((_, bit) => ((flags >> bit) & 1) === 1).join(''),
    window: body.readUInt16BE(14),
    header,
    options: body.subarray(20, header).toString('hex'),
    checksumValid: isValid(body, addresses),
  };
}

/** RFC 9293 §3.1: the words of pseudo header and segment, the checksum among them, sum up to all ones. */
function isValid(body: Buffer, addresses: Buffer): boolean {
  const all = Buffer.concat([addresses, Buffer.of(0, 6, body.length >> 8, body.length & 0xff), body, Buffer.alloc(body.length % 2)]);
  let sum = 0;
  for (let at = 0; at < all.length; at += 2) sum += all.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000);
  return sum === 0xffff;
}

function formatIp(address: Buffer): string {
  return address.length === 4 ? address.join('.') : address.toString('hex');
}
