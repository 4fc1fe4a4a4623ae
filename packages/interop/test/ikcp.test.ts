// Our core against the C original (node-kcp, an optional dependency) over a lossy virtual path, both ways at once.
// The C end is driven by update() every 10 ms, as its manual says; ours when nextTimeout says so.

import { Kcp } from '@kcptun/kcp-core';
import { Random } from '@kcptun/testkit';
import { loadNativeKcp, type NativeKcpClass } from '@kcptun/testkit/node';
import { describe, expect, test } from 'vitest';

interface Flight {
  readonly at: number;
  readonly packet: Uint8Array;
}

interface Case {
  readonly loss: number;
  readonly stream: boolean;
  readonly mode: readonly [number, number, number, number];
  readonly wnd: number;
}

const CONV = 0x80000001;
const DELAY = 30;
const TOTAL = 300_000;
const LIMIT_MS = 300_000;

const native = loadNativeKcp();
if (native === undefined) console.warn('SKIPPED: node-kcp is not installed, so nothing was tested against C ikcp');
const cases: readonly Case[] = [true, false].flatMap((stream) =>
  [
    { loss: 0, mode: [0, 40, 2, 1], wnd: 128 },
    { loss: 0.05, mode: [1, 10, 2, 1], wnd: 256 },
    { loss: 0.2, mode: [1, 20, 2, 1], wnd: 128 },
    { loss: 0.02, mode: [0, 50, 0, 0], wnd: 128 },
  ].map(({ loss, mode, wnd }) => ({ loss, stream, mode: mode as [number, number, number, number], wnd })),
);

/** What one end has to say, and what it has heard. */
class Talk {
  readonly messages: Uint8Array[] = [];
  readonly heard: Buffer[] = [];
  next = 0;

  constructor(random: Random) {
    for (let total = 0; total < TOTAL; ) {
      const message = random.bytes(random.integer(1, 3000));
      this.messages.push(message);
      total += message.length;
    }
  }
}

function lossy(random: Random, loss: number, flights: Flight[], at: number, packet: Uint8Array): void {
  if (random.chance(loss)) return;
  const flight = { at: random.chance(0.05) ? at + 15 : at, packet };
  let place = flights.length;
  while (place > 0 && (flights[place - 1] as Flight).at > flight.at) place -= 1;
  flights.splice(place, 0, flight);
}

function arrived(flights: Flight[], now: number): Uint8Array[] {
  const packets: Uint8Array[] = [];
  while (flights[0] !== undefined && flights[0].at <= now) packets.push((flights.shift() as Flight).packet);
  return packets;
}

function converse(plan: Case, KCP: NativeKcpClass): { ours: Talk; theirs: Talk; kcp: Kcp } {
  const random = new Random(plan.loss * 1000 + plan.wnd);
  const ours = new Talk(random.fork());
  const theirs = new Talk(random.fork());
  const toOurs: Flight[] = [];
  const toTheirs: Flight[] = [];
  const [nodelay, interval, resend, nc] = plan.mode;
  const target = new Uint8Array(65_536);
  let now = 0;

  const kcp = new Kcp({
    conv: CONV,
    sink: (packet) => lossy(random, plan.loss, toTheirs, now + DELAY, packet),
    nodelay,
    interval,
    resend,
    nc,
    mtu: 1000,
    sndWnd: plan.wnd,
    rcvWnd: plan.wnd,
    stream: plan.stream,
  });
  const peer = new KCP(CONV, {});
  peer.nodelay(nodelay, interval, resend, nc);
  peer.wndsize(plan.wnd, plan.wnd);
  peer.setmtu(1000);
  peer.stream(plan.stream ? 1 : 0);
  peer.output((data) => lossy(random, plan.loss, toOurs, now + DELAY, data));

  const done = () =>
    ours.next === ours.messages.length && theirs.next === theirs.messages.length && kcp.waitSnd === 0 && peer.waitsnd() === 0;
  for (; now < LIMIT_MS && !done(); now += 1) {
    for (const packet of arrived(toOurs, now)) kcp.input(packet, 0, packet.length, now);
    for (let size = kcp.recv(target); size >= 0; size = kcp.recv(target)) ours.heard.push(Buffer.from(target.subarray(0, size)));
    for (const packet of arrived(toTheirs, now)) peer.input(Buffer.from(packet));
    for (let data = peer.recv(); data !== undefined; data = peer.recv()) theirs.heard.push(data);
    while (kcp.waitSnd < plan.wnd && ours.next < ours.messages.length) kcp.send(ours.messages[ours.next++] as Uint8Array);
    while (peer.waitsnd() < plan.wnd && theirs.next < theirs.messages.length)
      peer.send(Buffer.from(theirs.messages[theirs.next++] as Uint8Array));
    const timeout = kcp.nextTimeout(now);
    if (timeout !== undefined && timeout <= now) kcp.flush(now);
    if (now % 10 === 0) peer.update(now);
  }
  return { ours, theirs, kcp };
}

describe.skipIf(native === undefined)('C ikcp', () => {
  for (const plan of cases) {
    test(`understands us and is understood: ${JSON.stringify(plan)}`, () => {
      const { ours, theirs, kcp } = converse(plan, native as NativeKcpClass);
      expect(Buffer.concat(theirs.heard).equals(Buffer.concat(ours.messages))).toBe(true);
      expect(Buffer.concat(ours.heard).equals(Buffer.concat(theirs.messages))).toBe(true);
      // Our side keeps the borders of the C side's messages.
      if (!plan.stream) expect(ours.heard.map((message) => message.length)).toEqual(theirs.messages.map((message) => message.length));
      expect(kcp.waitSnd).toBe(0);
      if (plan.loss > 0) expect(kcp.stats.retransSegs).toBeGreaterThan(0);
    });
  }
});
