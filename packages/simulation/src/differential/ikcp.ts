// Our core against the C original (node-kcp, an optional dependency): conversations over random paths, and the two receivers side by side with
// the same packets. What is sent when differs by design (kcp-go's rules, not ikcp's); what arrives must not.

import { Kcp } from '@kcptun/kcp-core';
import type { Random } from '@kcptun/testkit';
import { loadNativeKcp, type NativeKcpClass } from '@kcptun/testkit/node';
import { type Comparison, difference } from './comparison.ts';

interface Flight {
  readonly at: number;
  readonly packet: Uint8Array;
}

const CONV = 0x8000_0001;
const LIMIT_MS = 900_000;
const native = loadNativeKcp();
const missing = native === undefined ? 'node-kcp is not installed' : undefined;

/** A path that loses, doubles and delays. */
class Path {
  readonly #random: Random;
  readonly #loss: number;
  readonly #delay: number;
  readonly #late: number;
  #flights: Flight[] = [];

  constructor(random: Random) {
    this.#random = random;
    this.#loss = random.pick([0, 0.01, 0.1, 0.3]);
    this.#delay = random.integer(0, 150);
    this.#late = random.pick([0, 0.05, 0.5]);
  }

  send(now: number, packet: Uint8Array): void {
    for (let copy = this.#random.chance(0.05) ? 2 : 1; copy > 0; copy--) {
      if (this.#random.chance(this.#loss)) continue;
      const at = now + this.#delay + (this.#random.chance(this.#late) ? this.#random.integer(1, 80) : 0);
      this.#flights.push({ at, packet });
    }
  }

  arrived(now: number): Uint8Array[] {
    const due = this.#flights.filter(({ at }) => at <= now);
    if (due.length > 0) this.#flights = this.#flights.filter(({ at }) => at > now);
    return due.sort((a, b) => a.at - b.at).map(({ packet }) => packet);
  }
}

function drawMessages(random: Random): Uint8Array[] {
  return Array.from({ length: random.integer(1, 60) }, () => random.bytes(random.integer(1, 2500)));
}

/** Both ways at once, ours and theirs, until everything has arrived. */
export const IKCP_CONVERSATION: Comparison = {
  name: 'kcp-core with C ikcp, conversations',
  missing,
  run(random) {
    const KCP = native as NativeKcpClass;
    const ours = drawMessages(random);
    const theirs = drawMessages(random);
    const up = new Path(random.fork());
    const down = new Path(random.fork());
    const [nodelay, interval, resend, nc] = [
      random.integer(0, 1),
      random.pick([10, 20, 40, 100]),
      random.integer(0, 3),
      random.integer(0, 1),
    ];
    const [sndWnd, rcvWnd] = [random.integer(8, 256), random.integer(128, 512)];
    const [mtu, stream] = [random.integer(200, 1400), random.chance(0.5)];
    const heardByUs: Uint8Array[] = [];
    const heardByThem: Uint8Array[] = [];
    const start = random.pick([0, 0x7fff_f000, 0xffff_f000]);
    let now = start;
    const kcp = new Kcp({ conv: CONV, sink: (packet) => up.send(now, packet), nodelay, interval, resend, nc, mtu, sndWnd, rcvWnd, stream });
    const peer = new KCP(CONV, {});
    peer.nodelay(nodelay, interval, resend, nc);
    peer.wndsize(sndWnd, rcvWnd);
    peer.setmtu(mtu);
    peer.stream(stream ? 1 : 0);
    peer.output((data) => down.send(now, Uint8Array.from(data)));
    const target = new Uint8Array(65_536);
    let ourNext = 0;
    let theirNext = 0;
    const done = (): boolean => ourNext === ours.length && theirNext === theirs.length && kcp.waitSnd === 0 && peer.waitsnd() === 0;
    for (; now < start + LIMIT_MS && !done(); now += 1) {
      for (const packet of down.arrived(now)) kcp.input(packet, 0, packet.length, now);
      for (let size = kcp.recv(target); size >= 0; size = kcp.recv(target)) heardByUs.push(target.slice(0, size));
      for (const packet of up.arrived(now)) peer.input(Buffer.from(packet));
      for (let data = peer.recv(); data !== undefined; data = peer.recv()) heardByThem.push(Uint8Array.from(data));
      while (kcp.waitSnd < sndWnd && ourNext < ours.length) kcp.send(ours[ourNext++] as Uint8Array);
      while (peer.waitsnd() < sndWnd && theirNext < theirs.length) peer.send(Buffer.from(theirs[theirNext++] as Uint8Array));
      const timeout = kcp.nextTimeout(now);
      if (timeout !== undefined && timeout <= now) kcp.flush(now);
      if (now % 10 === 0) peer.update(now >>> 0);
    }
    if (!done()) return `not done after ${LIMIT_MS} ms: ${kcp.waitSnd} segments wait here, ${peer.waitsnd()} there`;
    const sizes = (messages: readonly Uint8Array[]): string => messages.map(({ length }) => length).join();
    // Our side keeps the borders of the C side's messages.
    if (!stream && sizes(heardByUs) !== sizes(theirs)) return `borders: ${sizes(heardByUs)} for ${sizes(theirs)}`;
    return (
      difference('from C to ours', Buffer.concat(heardByUs), Buffer.concat(theirs)) ??
      difference('from ours to C', Buffer.concat(heardByThem), Buffer.concat(ours))
    );
  },
};

/** The same segments, shuffled, doubled and some forged, for both receivers: after each, both have the same to read. */
export const IKCP_RECEIVER: Comparison = {
  name: 'kcp-core and C ikcp, receivers side by side',
  missing,
  run(random) {
    const KCP = native as NativeKcpClass;
    const rcvWnd = random.integer(128, 300);
    const acks = { ours: { una: 0 }, theirs: { una: 0 } };
    const kcp = new Kcp({ conv: CONV, sink: (packet) => noteUna(packet, acks.ours), rcvWnd, mtu: 1400, stream: true });
    const peer = new KCP(CONV, {});
    peer.wndsize(32, rcvWnd);
    peer.output((data) => noteUna(Uint8Array.from(data), acks.theirs));
    const count = random.integer(1, 200);
    const segments = Array.from({ length: count }, (_, sn) => push(sn, random.bytes(random.integer(1, 100)), random.u32() & 0xffff));
    const order = random.shuffle([...segments, ...segments.filter(() => random.chance(0.3))]);
    const target = new Uint8Array(65_536);
    let now = 0;
    // Some are cut short at first; in the end all come whole.
    for (const [index, segment] of [...order, ...segments].entries()) {
      now += random.integer(0, 5);
      const packet = index < order.length && random.chance(0.02) ? segment.slice(0, random.integer(0, segment.length - 1)) : segment;
      kcp.input(packet, 0, packet.length, now);
      peer.input(Buffer.from(packet));
      const ours: Uint8Array[] = [];
      for (let size = kcp.recv(target); size >= 0; size = kcp.recv(target)) ours.push(target.slice(0, size));
      const theirs: Uint8Array[] = [];
      for (let data = peer.recv(); data !== undefined; data = peer.recv()) theirs.push(Uint8Array.from(data));
      const problem = difference('readable', Buffer.concat(ours), Buffer.concat(theirs));
      if (problem !== undefined) return problem;
    }
    kcp.flush(now);
    peer.update(now);
    peer.update(now + 200);
    if (kcp.state().rcvNxt !== count) return `${kcp.state().rcvNxt} of ${count} segments taken in`;
    // What both acknowledged in the last flush, with what each dropped as known already.
    return acks.ours.una === acks.theirs.una ? undefined : `una ${acks.ours.una} here, ${acks.theirs.una} there`;
  },
};

function push(sn: number, payload: Uint8Array, ts: number): Uint8Array {
  const packet = new Uint8Array(24 + payload.length);
  const view = new DataView(packet.buffer);
  view.setUint32(0, CONV, true);
  view.setUint8(4, 81);
  view.setUint16(6, 128, true);
  view.setUint32(8, ts, true);
  view.setUint32(12, sn, true);
  view.setUint32(20, payload.length, true);
  packet.set(payload, 24);
  return packet;
}

function noteUna(packet: Uint8Array, into: { una: number }): void {
  const view = new DataView(packet.buffer, packet.byteOffset, packet.length);
  for (let at = 0; at + 24 <= packet.length; at += 24 + view.getUint32(at + 20, true)) into.una = view.getUint32(at + 16, true);
}
