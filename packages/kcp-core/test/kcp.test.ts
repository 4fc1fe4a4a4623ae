// The public face: options, setters, modes of reading and flushing, wake-up times, memory, congestion controllers.

import { describe, expect, it } from 'vitest';
import {
  type AckSample,
  CMD_ACK,
  CMD_PUSH,
  CMD_WINS,
  type CongestionController,
  Kcp,
  type KcpOptions,
  MODES,
  NoCongestion,
  OVERHEAD,
  RenoCongestion,
  readCmd,
  readConv,
  readFrg,
  readLen,
  readSn,
  readTs,
  readUna,
  readWnd,
  SegmentPool,
} from '../src/index.ts';

function make(options: Partial<KcpOptions> = {}): { kcp: Kcp; out: Uint8Array[] } {
  const out: Uint8Array[] = [];
  return { kcp: new Kcp({ conv: 1, sink: (packet) => out.push(packet), mode: 'fast2', ...options }), out };
}

function segment(fields: {
  cmd?: number;
  frg?: number;
  wnd?: number;
  ts?: number;
  sn?: number;
  una?: number;
  payload?: Uint8Array;
}): Uint8Array {
  const payload = fields.payload ?? new Uint8Array(0);
  const bytes = new Uint8Array(OVERHEAD + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 1, true);
  bytes[4] = fields.cmd ?? CMD_PUSH;
  bytes[5] = fields.frg ?? 0;
  view.setUint16(6, fields.wnd ?? 128, true);
  view.setUint32(8, fields.ts ?? 0, true);
  view.setUint32(12, fields.sn ?? 0, true);
  view.setUint32(16, fields.una ?? 0, true);
  view.setUint32(20, payload.length, true);
  bytes.set(payload, OVERHEAD);
  return bytes;
}

function feed(kcp: Kcp, packet: Uint8Array, now: number): number {
  return kcp.input(packet, 0, packet.length, now);
}

describe('options', () => {
  it('knows the modes, and single values override them', () => {
    expect(MODES.fast3).toEqual({ nodelay: 1, interval: 10, resend: 2, nc: 1 });
    expect(make().kcp.interval).toBe(20);
    expect(make({ interval: 33 }).kcp.interval).toBe(33);
    expect(make({ interval: 1 }).kcp.interval).toBe(10);
    expect(make({ nc: false }).kcp.cwnd).toBe(0);
    expect(make().kcp.cwnd).toBe(Number.POSITIVE_INFINITY);
    const plain = new Kcp({ conv: 9, sink: () => {} });
    expect([plain.interval, plain.sndWnd, plain.rcvWnd, plain.rmtWnd, plain.mtu, plain.mss, plain.stream]).toEqual([
      100,
      32,
      255,
      32,
      1400,
      1376,
      false,
    ]);
  });

  it('refuses nonsense with the name of the argument', () => {
    expect(() => make({ conv: -1 })).toThrow(/conv/);
    expect(() => make({ conv: 1.5 })).toThrow(TypeError);
    expect(() => make({ mtu: 24 })).toThrow(/mtu/);
    expect(() => make({ mtu: 1501 })).toThrow(RangeError);
    expect(() => make({ startSn: 2 ** 32 })).toThrow(/startSn/);
    expect(() => make({ mode: 'turbo' as 'fast' })).toThrow(/mode must be one of normal, fast, fast2, fast3/);
    expect(() => make({ interval: Number.NaN })).toThrow(/interval/);
    const { kcp } = make();
    expect(() => kcp.send('text' as unknown as Uint8Array)).toThrow(/bytes/);
    expect(() => kcp.send(new Uint8Array(4), 5)).toThrow(/offset/);
    expect(() => kcp.send(new Uint8Array(4), 2, 3)).toThrow(/length/);
    expect(() => kcp.recv([] as unknown as Uint8Array)).toThrow(/target/);
    expect(() => {
      kcp.inflightLimit = -1;
    }).toThrow(/inflightLimit/);
  });

  it('leaves values alone that a setter does not take', () => {
    const { kcp } = make({ sndWnd: 10, rcvWnd: 11 });
    kcp.wndSize(0, -1);
    expect([kcp.sndWnd, kcp.rcvWnd]).toEqual([10, 11]);
    kcp.wndSize(70_000, 70_000);
    expect([kcp.sndWnd, kcp.rcvWnd]).toEqual([70_000, 65_535]);
    kcp.noDelay(-1, -1, -1, -1);
    expect(kcp.interval).toBe(20);
    kcp.noDelay(0, 9999, 0, 0);
    expect([kcp.interval, kcp.cwnd]).toEqual([5000, 0]);
    expect([kcp.setMtu(24), kcp.setMtu(1501), kcp.setMtu(99.5)]).toEqual([false, false, false]);
    expect(kcp.mtu).toBe(1400);
    expect(kcp.setMtu(576)).toBe(true);
    expect([kcp.mtu, kcp.mss]).toEqual([576, 552]);
  });
});

describe('writing', () => {
  it('writes headers that the readers read back', () => {
    const { kcp, out } = make({ conv: 0xfedcba98, startSn: 0xfffffffe, rcvWnd: 500 });
    kcp.send(Uint8Array.of(5, 6, 7));
    kcp.flush(2 ** 32 + 77.9);
    const packet = out[0]!;
    expect([readConv(packet, 0), readCmd(packet, 0), readFrg(packet, 0), readWnd(packet, 0)]).toEqual([0xfedcba98, CMD_PUSH, 0, 500]);
    expect([readTs(packet, 0), readSn(packet, 0), readUna(packet, 0), readLen(packet, 0)]).toEqual([77, 0xfffffffe, 0xfffffffe, 3]);
    expect([...packet.subarray(OVERHEAD)]).toEqual([5, 6, 7]);
  });

  it('fills segments in stream mode and keeps messages apart otherwise', () => {
    const stream = make({ mtu: 124, stream: true }).kcp;
    for (let count = 0; count < 10; count++) stream.send(new Uint8Array(30));
    expect(stream.waitSnd).toBe(3);
    const messages = make({ mtu: 124 }).kcp;
    for (let count = 0; count < 10; count++) messages.send(new Uint8Array(30));
    expect(messages.waitSnd).toBe(10);
    expect(messages.send(new Uint8Array(0))).toBe(-1);
    expect(messages.send(new Uint8Array(255 * 100 + 1))).toBe(-2);
    expect(messages.send(new Uint8Array(255 * 100))).toBe(0);
    expect(messages.waitSnd).toBe(265);
  });

  it('writes in place into the memory of a sink', () => {
    const bytes = new Uint8Array(4096);
    const commits: (readonly [number, number])[] = [];
    let at = 32;
    const sink = {
      bytes,
      begin: () => at,
      commit: (offset: number, length: number) => {
        commits.push([offset, length]);
        at += 1536;
      },
    };
    const kcp = new Kcp({ conv: 1, sink, mode: 'fast', mtu: 100, stream: true });
    kcp.send(new Uint8Array(130).fill(9));
    kcp.flush(0);
    expect(commits).toEqual([
      [32, 100],
      [1568, 78],
    ]);
    expect(bytes.subarray(32 + OVERHEAD, 132)).toEqual(new Uint8Array(76).fill(9));
  });

  it('keeps what is in flight below inflightLimit', () => {
    const { kcp, out } = make({ mtu: 100, stream: true, sndWnd: 32 });
    kcp.inflightLimit = 3.7;
    expect(kcp.inflightLimit).toBe(3);
    kcp.send(new Uint8Array(76 * 8));
    kcp.flush(0);
    expect([out.length, kcp.inflight, kcp.waitSnd]).toEqual([3, 3, 8]);
    feed(kcp, segment({ cmd: CMD_ACK, sn: 1, una: 2, ts: 0 }), 5);
    expect([out.length, kcp.inflight, kcp.waitSnd]).toEqual([5, 3, 6]);
  });
});

describe('reading', () => {
  it('gives segments without a copy, a message only when it is complete', () => {
    const { kcp } = make();
    expect([kcp.peekSegment(), kcp.peekSize(), kcp.recv(new Uint8Array(9))]).toEqual([false, -1, -1]);
    kcp.dropSegment();
    feed(kcp, segment({ sn: 0, frg: 1, payload: Uint8Array.of(1, 2) }), 0);
    expect([kcp.peekSegment(), kcp.readable, kcp.peekSize()]).toEqual([false, 1, -1]);
    feed(kcp, segment({ sn: 1, frg: 0, payload: Uint8Array.of(3) }), 0);
    expect(kcp.peekSize()).toBe(3);
    expect(kcp.recv(new Uint8Array(2))).toBe(-2);
    const parts: number[][] = [];
    while (kcp.peekSegment()) {
      parts.push([...kcp.segmentBytes.subarray(kcp.segmentOffset, kcp.segmentOffset + kcp.segmentLength)]);
      kcp.dropSegment();
    }
    expect(parts).toEqual([[1, 2], [3]]);
  });

  it('takes segments without payload', () => {
    const { kcp } = make();
    feed(kcp, segment({ sn: 0 }), 0);
    feed(kcp, segment({ sn: 1, payload: Uint8Array.of(4) }), 0);
    expect([kcp.peekSegment(), kcp.segmentLength, kcp.peekSize()]).toEqual([true, 0, 0]);
    kcp.dropSegment();
    const target = new Uint8Array(4);
    expect([kcp.recv(target), target[0]]).toEqual([1, 4]);
  });

  it('tells the window when reading opens it', () => {
    const { kcp, out } = make({ rcvWnd: 2 });
    for (let sn = 0; sn < 3; sn++) feed(kcp, segment({ sn, payload: Uint8Array.of(sn) }), 0);
    kcp.flush(20);
    expect(readWnd(out[0]!, 0)).toBe(0);
    for (let left = 3; left > 0; left--) kcp.dropSegment();
    expect(kcp.state().probe).toBe(2);
    kcp.flush(40);
    expect([readCmd(out[1]!, 0), readWnd(out[1]!, 0)]).toEqual([CMD_WINS, 2]);
  });
});

describe('deferred flush', () => {
  it('answers a batch once: full when one of its packets asks for it', () => {
    const { kcp, out } = make({ mtu: 100, stream: true, sndWnd: 4 });
    kcp.deferFlush = true;
    kcp.send(new Uint8Array(76 * 6));
    kcp.flush(0);
    expect(out.length).toBe(4);
    feed(kcp, segment({ cmd: CMD_ACK, sn: 0, una: 1, ts: 0 }), 10);
    feed(kcp, segment({ cmd: CMD_ACK, sn: 1, una: 2, ts: 0 }), 10);
    feed(kcp, segment({ sn: 0, una: 2, payload: Uint8Array.of(1) }), 10);
    expect([out.length, kcp.nextTimeout(10)]).toEqual([4, 10]);
    expect(kcp.flushDeferred(10)).toBe(true);
    expect(kcp.flushDeferred(10)).toBe(false);
    expect(out.length).toBe(7);
    expect([readCmd(out[4]!, 0), readCmd(out[5]!, 0), readSn(out[6]!, 0)]).toEqual([CMD_ACK, CMD_PUSH, 5]);
  });

  it('sends acknowledgements only when nothing else is asked for', () => {
    const { kcp, out } = make({ mtu: 100, stream: true });
    kcp.deferFlush = true;
    for (let sn = 0; sn < 3; sn++) feed(kcp, segment({ sn, payload: Uint8Array.of(1) }), 10);
    expect(kcp.flushDeferred(10)).toBe(false);
    feed(kcp, segment({ sn: 3, payload: Uint8Array.of(1) }), 10);
    kcp.send(Uint8Array.of(1));
    expect(kcp.flushDeferred(10)).toBe(true);
    // The new segment has moved to the window; it leaves with the next full flush.
    expect([out.length, readCmd(out[0]!, 0), kcp.inflight]).toEqual([1, CMD_ACK, 1]);
    expect(kcp.nextTimeout(10)).toBe(10);
    kcp.flush(10);
    expect(readCmd(out[1]!, 0)).toBe(CMD_PUSH);
  });
});

describe('nextTimeout', () => {
  it('is undefined while there is nothing to do', () => {
    const { kcp } = make();
    expect(kcp.nextTimeout(0)).toBe(undefined);
    kcp.flush(3);
    expect(kcp.nextTimeout(3)).toBe(undefined);
    kcp.send(Uint8Array.of(1));
    expect(kcp.nextTimeout(3)).toBe(23);
    kcp.flush(5.5);
    expect(kcp.nextTimeout(6)).toBe(205);
    feed(kcp, segment({ cmd: CMD_ACK, sn: 0, una: 1, ts: 5 }), 50);
    expect(kcp.nextTimeout(50)).toBe(undefined);
  });

  it('lets acknowledgements wait for at most one interval', () => {
    const { kcp, out } = make();
    kcp.flush(100);
    feed(kcp, segment({ sn: 0, payload: Uint8Array.of(1) }), 104);
    expect(kcp.nextTimeout(104)).toBe(120);
    expect(kcp.nextTimeout(130.5)).toBe(130.5);
    kcp.flush(120);
    expect([out.length, kcp.nextTimeout(120)]).toEqual([1, undefined]);
  });

  it('wakes to ask for a closed window', () => {
    const { kcp } = make();
    feed(kcp, segment({ cmd: CMD_WINS, wnd: 0 }), 0);
    kcp.flush(0);
    expect(kcp.nextTimeout(0)).toBe(500);
    kcp.flush(500);
    expect(kcp.nextTimeout(500)).toBe(1250);
  });
});

describe('update and check', () => {
  it('flush once per interval', () => {
    const { kcp, out } = make();
    expect(kcp.check(7)).toBe(7);
    kcp.update(7);
    expect(kcp.check(7)).toBe(27);
    kcp.send(Uint8Array.of(1));
    kcp.update(26);
    expect(out.length).toBe(0);
    kcp.update(27);
    expect(out.length).toBe(1);
    kcp.update(50_000);
    expect(kcp.check(50_000)).toBe(50_020);
  });
});

describe('input', () => {
  it('counts ACKs before a fault, but does not flush for them', () => {
    const { kcp, out } = make({ mtu: 100, stream: true, resend: 1 });
    kcp.send(new Uint8Array(76 * 3));
    kcp.flush(0);
    out.length = 0;
    const good = segment({ cmd: CMD_ACK, sn: 2, una: 0, ts: 0 });
    const bad = segment({ cmd: 99 });
    const packet = new Uint8Array(48);
    packet.set(good);
    packet.set(bad, 24);
    expect(feed(kcp, packet, 10)).toBe(-3);
    expect(feed(kcp, segment({ cmd: CMD_WINS }), 10)).toBe(0);
    expect([out.length, kcp.stats.inSegs]).toEqual([0, 1]);
    kcp.flush(11);
    expect(kcp.stats.fastRetransSegs).toBe(2);
  });

  it('reports every ACK in order', () => {
    const seen: unknown[] = [];
    const { kcp } = make({ onAck: (sn, ts, regular) => seen.push([sn, ts, regular]) });
    const packet = new Uint8Array(48);
    packet.set(segment({ cmd: CMD_ACK, sn: 7, ts: 1 }));
    packet.set(segment({ cmd: CMD_ACK, sn: 3, ts: 2 }), 24);
    kcp.input(packet, 0, 48, 10, false);
    expect(seen).toEqual([
      [7, 1, false],
      [3, 2, false],
    ]);
    expect(kcp.srtt).toBe(0);
  });
});

describe('congestion controllers', () => {
  it('are told what happens and bound what is in flight', () => {
    const events: unknown[] = [];
    const controller: CongestionController = {
      cwnd: 2,
      onInputEnd: (advanced, wnd, mss) => events.push(['input', advanced, wnd, mss]),
      onFlushEnd: (fast, early, timeouts, inflight, window) => events.push(['flush', fast, early, timeouts, inflight, window]),
      onSend: (sn, retransmit, bytes) => events.push(['send', sn, retransmit, bytes]),
      onAck: (sample: AckSample) => events.push(['ack', sample.acked, sample.rtt, sample.inflight, sample.blocked]),
      onProbe: () => events.push(['probe']),
      onPersistentLoss: () => events.push(['cut']),
    };
    const { kcp } = make({ mtu: 100, stream: true, congestion: controller });
    kcp.send(new Uint8Array(76 * 3));
    kcp.flush(0);
    expect(events.splice(0)).toEqual([
      ['send', 0, false, 76],
      ['send', 1, false, 76],
      ['flush', 0, 0, 0, 2, 2],
    ]);
    feed(kcp, segment({ cmd: CMD_ACK, sn: 0, una: 1, ts: 0, wnd: 0 }), 40);
    expect(events.slice(0, 2)).toEqual([
      ['ack', 1, 40, 1, true],
      ['input', true, 0, 76],
    ]);
    events.length = 0;
    for (let now = 100; now < 4000; now += 20) kcp.flush(now);
    expect(events).toContainEqual(['probe']);
    expect(events).toContainEqual(['cut']);
    expect(kcp.stats.lostSegs).toBeGreaterThan(3);
    kcp.noDelay(-1, -1, -1, 0);
    expect(kcp.cwnd).toBe(2);
  });

  it('can be switched off whatever nc says', () => {
    const { kcp, out } = make({ mtu: 100, stream: true, nc: 0, congestion: new NoCongestion() });
    kcp.send(new Uint8Array(76 * 20));
    kcp.flush(0);
    feed(kcp, segment({ cmd: CMD_ACK, sn: 0, una: 1, ts: 0 }), 9);
    expect([out.length, kcp.cwnd]).toEqual([20, Number.POSITIVE_INFINITY]);
  });

  it('grow like kcp-go: slow start, then one segment per window', () => {
    const reno = new RenoCongestion();
    reno.onFlushEnd(0, 0, 0, 0, 32, 2, 1000);
    expect([reno.cwnd, reno.incr]).toEqual([1, 1000]);
    reno.ssthresh = 4;
    for (let count = 0; count < 3; count++) reno.onInputEnd(true, 32, 1000);
    expect(reno.cwnd).toBe(4);
    let packets = 0;
    for (; reno.cwnd === 4; packets++) reno.onInputEnd(true, 32, 1000);
    expect(packets).toBe(4);
    // kcp-go rounds the grown window up.
    expect(reno.cwnd).toBe(6);
    reno.onInputEnd(false, 32, 1000);
    reno.onInputEnd(true, 3, 1000);
    expect(reno.cwnd).toBe(6);
    reno.onFlushEnd(1, 0, 0, 10, 32, 2, 1000);
    expect([reno.ssthresh, reno.cwnd]).toEqual([5, 7]);
    reno.onFlushEnd(0, 1, 0, 10, 32, 0xffffffff, 1000);
    expect([reno.ssthresh, reno.cwnd]).toEqual([5, 4]);
    reno.onFlushEnd(0, 0, 1, 10, 32, 2, 1000);
    expect([reno.ssthresh, reno.cwnd]).toEqual([16, 1]);
  });
});

describe('memory', () => {
  it('grows with what is queued and is given back after a peak', () => {
    const pool = new SegmentPool();
    const { kcp } = make({ pool, stream: true, sndWnd: 1000 });
    expect(pool.byteLength).toBe(0);
    for (let count = 0; count < 1000; count++) kcp.send(new Uint8Array(kcp.mss));
    expect(pool.used).toBe(1000);
    const peak = pool.byteLength;
    feed(kcp, segment({ cmd: CMD_WINS, wnd: 2000 }), 0);
    kcp.flush(0);
    feed(kcp, segment({ cmd: CMD_ACK, sn: 999, una: 1000, ts: 0, wnd: 2000 }), 10);
    expect([pool.used, pool.byteLength]).toEqual([0, peak]);
    // The first period still remembers the peak.
    kcp.flush(5100);
    kcp.flush(10_200);
    expect(pool.byteLength).toBeLessThan(peak / 20);
    kcp.trim();
    expect(pool.byteLength).toBe(0);
    kcp.send(Uint8Array.of(1));
    expect(pool.used).toBe(1);
  });

  it('keeps lent slots when it gives back chunks', () => {
    const pool = new SegmentPool();
    const slots = Array.from({ length: 64 }, () => pool.take());
    const marks = Uint8Array.from({ length: 100 }, (_, index) => index);
    for (const slot of slots) pool.write(slot, 0, marks, 0, 100);
    const kept = slots.filter((slot) => slot % 40 === 0);
    for (const slot of slots) if (slot % 40 !== 0) pool.give(slot);
    pool.trim();
    expect(pool.byteLength).toBeLessThan(64 * 1480);
    for (let count = 0; count < 100; count++) expect(kept).not.toContain(pool.take());
    const copy = new Uint8Array(100);
    for (const slot of kept) {
      pool.read(slot, 100, copy, 0);
      expect(copy).toEqual(marks);
    }
  });

  it('is shared, and given back on release', () => {
    const pool = new SegmentPool();
    const first = make({ pool }).kcp;
    const second = make({ pool }).kcp;
    first.send(new Uint8Array(100));
    feed(first, segment({ sn: 2, payload: Uint8Array.of(1) }), 0);
    feed(second, segment({ sn: 0, payload: Uint8Array.of(1) }), 0);
    expect(pool.used).toBe(3);
    first.release();
    expect([pool.used, first.waitSnd, first.nextTimeout(0)]).toEqual([1, 0, undefined]);
    second.release();
    expect([pool.used, second.readable]).toEqual([0, 0]);
  });

  it('survives rings that shrink and grow across the wrap of sn', () => {
    const { kcp, out } = make({ mtu: 100, stream: true, sndWnd: 4000, startSn: 0xffffff80 });
    feed(kcp, segment({ cmd: CMD_WINS, wnd: 4000, una: 0xffffff80 }), 0);
    let sn = 0xffffff80;
    for (const [round, count] of [3000, 2, 500, 1, 40].entries()) {
      const now = round * 6000;
      const bytes = Uint8Array.from({ length: 76 * count }, (_, index) => index * 7 + round);
      for (let at = 0; at < bytes.length; at += 760) kcp.send(bytes, at, Math.min(760, bytes.length - at));
      kcp.flush(now);
      expect(out.length).toBe(count);
      out.forEach((packet, index) => {
        expect(readSn(packet, 0)).toBe((sn + index) >>> 0);
        expect(packet[OVERHEAD + 75]).toBe(((index * 76 + 75) * 7 + round) & 255);
      });
      out.length = 0;
      sn = (sn + count) >>> 0;
      feed(kcp, segment({ cmd: CMD_ACK, sn: (sn - 1) >>> 0, una: sn, ts: now, wnd: 4000 }), now + 10);
      expect(kcp.waitSnd).toBe(0);
    }
  });
});
