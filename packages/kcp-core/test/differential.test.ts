// The real state machine against its plain form: the same calls must give the same packets, results and variables, call by
// call, over random schedules of writing, reading, loss, reordering, duplication and nonsense, on both sides of the wraps.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Kcp } from '../src/index.ts';
import { ReferenceKcp } from './reference-kcp.ts';

const CONV = 0x11223344;

const config = fc.record({
  nodelay: fc.constantFrom(0, 1),
  interval: fc.constantFrom(10, 20, 40, 100),
  resend: fc.constantFrom(0, 1, 2, 3, 5),
  nc: fc.constantFrom(0, 1),
  sndWnd: fc.constantFrom(1, 4, 32, 64),
  rcvWnd: fc.constantFrom(1, 3, 16, 64),
  mtu: fc.constantFrom(49, 100, 120),
  stream: fc.boolean(),
  startSn: fc.constantFrom(0, 1000, 0x7ffffff0, 0xfffffff0),
});

/** One step: what to do, to which end, and two numbers whose meaning depends on it. */
const step = fc.record({
  kind: fc.constantFrom(
    'send',
    'send',
    'deliver',
    'deliver',
    'deliver',
    'deliver',
    'drop',
    'copy',
    'swap',
    'flush',
    'read',
    'wait',
    'forge',
  ),
  end: fc.constantFrom(0, 1),
  a: fc.nat(0xffff),
  b: fc.nat(0xffff),
});

const schedule = fc.record({
  config,
  start: fc.constantFrom(0, 5000, 0xffffff00, 0x7fffff00),
  ackNoDelay: fc.boolean(),
  steps: fc.array(step, { minLength: 20, maxLength: 160 }),
});

interface End {
  readonly real: Kcp;
  readonly plain: ReferenceKcp;
  readonly realOut: Uint8Array[];
  readonly plainOut: Uint8Array[];
  readonly inbound: Uint8Array[];
  sent: number;
}

function makeEnd(options: Omit<ConstructorParameters<typeof ReferenceKcp>[0], 'conv' | 'output'>): End {
  const realOut: Uint8Array[] = [];
  const plainOut: Uint8Array[] = [];
  return {
    real: new Kcp({ conv: CONV, sink: (packet) => realOut.push(packet), ...options }),
    plain: new ReferenceKcp({ conv: CONV, output: (packet) => plainOut.push(packet), ...options }),
    realOut,
    plainOut,
    inbound: [],
    sent: 0,
  };
}

/** A well-formed packet that no honest peer would send: any ack, una, window and timestamp near the real ones. */
function forged(end: End, now: number, a: number, b: number): Uint8Array {
  const segments = 1 + (a & 3);
  const packet = new Uint8Array(segments * 24);
  const view = new DataView(packet.buffer);
  for (let index = 0; index < segments; index++) {
    const at = index * 24;
    const noise = Math.imul(a + index * 977, 2654435761) >>> 0;
    const cmd = b % 11 === 0 ? 80 + (noise & 7) : 82;
    view.setUint32(at, b % 13 === 0 ? CONV + (noise & 1) : CONV, true);
    view.setUint8(at + 4, cmd);
    view.setUint16(at + 6, b & 64 ? 0 : 40, true);
    view.setUint32(at + 8, now - (noise & 0x3ff) + ((noise & 0x7000) === 0 ? 0x80000000 : 0), true);
    view.setUint32(at + 12, end.plain.sndUna + ((noise >>> 10) & 31) - 3, true);
    view.setUint32(at + 16, end.plain.sndUna + ((noise >>> 16) & 15) - 12, true);
  }
  return packet;
}

function digest(result: unknown, packets: readonly Uint8Array[], state: object): string {
  const shown = result instanceof Uint8Array ? Buffer.from(result).toString('latin1') : String(result);
  return `${shown}|${packets.map((packet) => Buffer.from(packet).toString('latin1')).join('|')}|${Object.values(state).join()}`;
}

function run(plan: typeof schedule extends fc.Arbitrary<infer T> ? T : never): void {
  const ends = [makeEnd(plan.config), makeEnd(plan.config)] as const;
  let now = plan.start;
  const compare = (end: End, real: unknown, plain: unknown, what: string) => {
    // Formatting an assertion costs more than the step itself: only a difference is worth one.
    if (digest(real, end.realOut, end.real.state()) !== digest(plain, end.plainOut, end.plain.state())) {
      expect({ result: real, packets: end.realOut, state: end.real.state() }, what).toEqual({
        result: plain,
        packets: end.plainOut,
        state: end.plain.state(),
      });
    }
    const peer = ends[end === ends[0] ? 1 : 0];
    peer.inbound.push(...end.realOut);
    end.realOut.length = 0;
    end.plainOut.length = 0;
  };
  for (const { kind, end: which, a, b } of plan.steps) {
    const end = ends[which === 0 ? 0 : 1];
    const wire = now >>> 0;
    if (kind === 'wait') {
      now += a % (b % 5 === 0 ? 900 : 40);
    } else if (kind === 'send') {
      // The reference takes messages that the peer's window can never hold, and stands still for good.
      const most = plan.config.stream ? 300 : Math.min(300, plan.config.rcvWnd * end.real.mss + 1);
      const bytes = Uint8Array.from({ length: a % most }, (_, index) => end.sent + index);
      end.sent += bytes.length;
      compare(end, end.real.send(bytes), end.plain.send(bytes), kind);
      if (b & 1) compare(end, end.real.flush(now), end.plain.flush(wire, false), 'flush');
    } else if (kind === 'flush') {
      compare(end, end.real.flush(now, b % 5 === 0), end.plain.flush(wire, b % 5 === 0), kind);
    } else if (kind === 'read') {
      const target = new Uint8Array(65_536);
      const size = end.real.recv(target);
      compare(end, size < 0 ? size : target.slice(0, size), end.plain.recv(), kind);
    } else if (kind === 'drop') {
      end.inbound.shift();
    } else if (kind === 'copy') {
      if (end.inbound[0] !== undefined) end.inbound.push(end.inbound[0]);
    } else if (kind === 'swap') {
      const first = end.inbound.shift();
      if (first !== undefined) end.inbound.splice(a % (end.inbound.length + 1), 0, first);
    } else {
      const packet = kind === 'forge' ? forged(end, wire, a, b) : end.inbound.shift();
      if (packet === undefined) continue;
      const regular = b % 7 !== 0;
      const real = end.real.input(packet, 0, packet.length, now, regular, plan.ackNoDelay);
      compare(end, real, end.plain.input(packet, wire, regular, plan.ackNoDelay), kind);
    }
  }
}

const senderPlan = fc.record({
  config,
  turns: fc.array(
    fc.record({
      /** Segments written. */
      write: fc.constantFrom(0, 0, 1, 4),
      wait: fc.constantFrom(0, 3, 15, 70, 300),
      /** Which segments in flight are acknowledged, counted from una. */
      acks: fc.array(fc.nat(40), { maxLength: 6 }),
      /** How many leading acknowledged segments una passes. */
      advance: fc.constantFrom(0, 0, 1, 9),
      flush: fc.boolean(),
    }),
    { minLength: 20, maxLength: 80 },
  ),
});

/** A sender whose peer acknowledges selectively: holes, fast and early retransmissions and timeouts all the time. */
function runSender(plan: typeof senderPlan extends fc.Arbitrary<infer T> ? T : never): void {
  const end = makeEnd({ ...plan.config, sndWnd: 64, rcvWnd: 64, stream: false });
  let now = 1000;
  const compare = (real: number, plain: number, what: string) => {
    if (digest(real, end.realOut, end.real.state()) !== digest(plain, end.plainOut, end.plain.state())) {
      expect({ result: real, packets: end.realOut, state: end.real.state() }, what).toEqual({
        result: plain,
        packets: end.plainOut,
        state: end.plain.state(),
      });
    }
    end.realOut.length = 0;
    end.plainOut.length = 0;
  };
  for (const { write, wait, acks, advance, flush } of plan.turns) {
    for (let count = 0; count < write; count++) compare(end.real.send(Uint8Array.of(count)), end.plain.send(Uint8Array.of(count)), 'send');
    now += wait;
    const window = end.plain.sndBuf;
    const acked = [...new Set(acks)].map((at) => window[at]).filter((segment) => segment !== undefined);
    let passed = 0;
    while (passed < advance && (window[passed]?.acked || acked.includes(window[passed] as (typeof acked)[number]))) passed += 1;
    const packet = new Uint8Array(24 * Math.max(1, acked.length));
    const view = new DataView(packet.buffer);
    for (let at = 0; at < packet.length; at += 24) {
      const segment = acked[at / 24];
      view.setUint32(at, CONV, true);
      view.setUint8(at + 4, segment === undefined ? 84 : 82);
      view.setUint16(at + 6, 64, true);
      view.setUint32(at + 8, segment?.ts ?? 0, true);
      view.setUint32(at + 12, segment?.sn ?? 0, true);
      view.setUint32(at + 16, end.plain.sndUna + passed, true);
    }
    const real = end.real.input(packet, 0, packet.length, now);
    compare(real, end.plain.input(packet, now, true, false), 'input');
    if (flush) compare(end.real.flush(now), end.plain.flush(now, false), 'flush');
  }
}

/** Everything that arrives in one turn, taken in by two ends with the same past: one flushes by itself, one is told to. */
function runBatches(plan: typeof schedule extends fc.Arbitrary<infer T> ? T : never): void {
  const out: Uint8Array[] = [];
  const deferredOut: Uint8Array[] = [];
  const inbound: Uint8Array[] = [];
  const reader = new Uint8Array(65_536);
  const peer = new Kcp({ conv: CONV, sink: (packet) => inbound.push(packet), ...plan.config });
  const immediate = new Kcp({ conv: CONV, sink: (packet) => out.push(packet), ...plan.config });
  const deferred = new Kcp({ conv: CONV, sink: (packet) => deferredOut.push(packet), ...plan.config });
  deferred.deferFlush = true;
  let now = plan.start;
  for (const { kind, a, b } of plan.steps) {
    now += a % 13;
    if (kind === 'send') {
      const bytes = Uint8Array.from({ length: 1 + (a % 200) }, (_, index) => index + b);
      peer.send(bytes);
      peer.flush(now);
      for (const end of [immediate, deferred]) {
        end.send(bytes);
        end.flush(now);
      }
    } else if (kind === 'deliver') {
      const count = 1 + (b % 6);
      const batch = b % 17 === 0 ? [] : inbound.splice(0, count);
      const before = deferred.state();
      for (const packet of batch) {
        immediate.input(packet, 0, packet.length, now, true, plan.ackNoDelay);
        deferred.input(packet, 0, packet.length, now, true, plan.ackNoDelay);
      }
      deferred.flushDeferred(now);
      const after = immediate.state();
      const told = deferred.state();
      for (const name of ['sndUna', 'rcvNxt', 'rcvQueue', 'rcvBuf', 'rmtWnd', 'rxSrtt', 'rxRttvar', 'rxRto'] as const) {
        expect(told[name], name).toBe(after[name]);
      }
      // One packet is answered alike, byte for byte. After a larger batch the datagrams differ, so the comparison ends.
      if (batch.length > 1) return;
      expect(told, JSON.stringify(before)).toEqual(after);
      const size = immediate.recv(reader);
      expect(deferred.recv(reader)).toBe(size);
    } else if (kind === 'flush') {
      expect(deferred.flush(now)).toBe(immediate.flush(now));
      peer.flush(now);
    }
    expect(deferredOut).toEqual(out);
    for (const packet of out.splice(0)) if (b % 4 !== 0) peer.input(packet, 0, packet.length, now);
    deferredOut.length = 0;
  }
}

describe('differential', () => {
  it('does what the plain form does, call by call', () => {
    fc.assert(fc.property(schedule, run), { numRuns: 300 });
  }, 30_000);

  it('retransmits what the plain form retransmits, and when', () => {
    fc.assert(fc.property(senderPlan, runSender), { numRuns: 400 });
  }, 30_000);

  it('does the same for a packet, and comes to the same state for a batch, with the flush deferred', () => {
    fc.assert(fc.property(schedule, runBatches), { numRuns: 200 });
  }, 30_000);
});
