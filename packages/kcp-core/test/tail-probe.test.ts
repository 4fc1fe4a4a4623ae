// The end of a burst, and how it is looked after before its timeout.

import { describe, expect, it } from 'vitest';
import { Kcp, OVERHEAD, readSn } from '../src/index.ts';
import { ackPacket } from './packets.ts';

interface Sent {
  readonly at: number;
  readonly sn: number;
}

/** A conversation on a path of 5 ms whose least timeout was raised to 200 ms; its peer's answers are made by hand. */
class Lonely {
  readonly sent: Sent[] = [];
  readonly kcp: Kcp;
  now = 0;

  constructor(probesTail: boolean, minRto = 200) {
    const sink = (packet: Uint8Array): void => {
      this.sent.push({ at: this.now, sn: readSn(packet, 0) });
    };
    this.kcp = new Kcp({ conv: 1, sink, mode: 'fast3', probesTail });
    this.kcp.minRto = minRto;
  }

  /** Sends segments, one each packet, at `at`. */
  send(count: number, at: number): void {
    for (let index = 0; index < count; index++) this.kcp.send(new Uint8Array(this.kcp.mss));
    this.now = at;
    this.kcp.flush(at);
  }

  ack(sn: number, una: number, ts: number, at: number): void {
    this.now = at;
    this.kcp.input(ackPacket(sn, una, ts), 0, OVERHEAD, at);
  }

  /** Flushes whenever it is time, and returns what left by that. */
  run(until: number): Sent[] {
    this.sent.length = 0;
    for (let next = this.kcp.nextTimeout(this.now); next !== undefined && next <= until; next = this.kcp.nextTimeout(this.now)) {
      this.now = next;
      this.kcp.flush(next);
    }
    return [...this.sent];
  }
}

function withSample(probesTail: boolean, minRto?: number): Lonely {
  const lonely = new Lonely(probesTail, minRto);
  lonely.send(1, 0);
  lonely.ack(0, 1, 0, 5);
  expect(lonely.kcp.srtt).toBe(5);
  return lonely;
}

describe('the end of a burst', () => {
  it('is sent again after two round trips or the allowance for the peer, twice as late each time, its first and last segment', () => {
    const lonely = withSample(true);
    lonely.send(4, 10);
    // srtt 5 + the interval of 10; the timeouts are 200 ms.
    expect(lonely.run(200)).toEqual([25, 55, 115].flatMap((at) => [1, 4].map((sn) => ({ at, sn }))));
    expect([lonely.kcp.stats.lostSegs, lonely.kcp.stats.earlyRetransSegs, lonely.kcp.stats.retransSegs]).toEqual([0, 6, 6]);
    // Timeouts are as without it, for what no probe has sent since.
    expect(lonely.run(210).map(({ sn }) => sn)).toEqual([2, 3]);
    expect(lonely.kcp.stats.lostSegs).toBe(2);
  });

  it('waits for its timeout otherwise, as with kcp-go', () => {
    const lonely = withSample(false);
    lonely.send(4, 10);
    expect(lonely.run(210)).toEqual([1, 2, 3, 4].map((sn) => ({ at: 210, sn })));
  });

  it('is one segment when one is left, wherever that is', () => {
    const lonely = withSample(true);
    lonely.send(1, 10);
    expect(lonely.run(30)).toEqual([{ at: 25, sn: 1 }]);
    const hole = withSample(true);
    hole.send(3, 10);
    hole.ack(1, 2, 10, 15);
    hole.ack(2, 3, 10, 15);
    expect(hole.run(40)).toEqual([{ at: 30, sn: 3 }]);
  });

  it('counts from the last acknowledgement, and from short waits again after each', () => {
    const lonely = withSample(true);
    lonely.send(2, 10);
    expect(lonely.run(60).map(({ at }) => at)).toEqual([25, 25, 55, 55]);
    lonely.ack(1, 2, 55, 60);
    expect(lonely.run(100)).toEqual([{ at: 75, sn: 2 }]);
  });

  it('says nothing while the path is unknown, nothing is in flight or the rate is used up', () => {
    const unknown = new Lonely(true);
    unknown.send(2, 0);
    expect(unknown.run(150)).toEqual([]);
    const idle = withSample(true);
    expect(idle.kcp.nextTimeout(5)).toBe(undefined);
    const paced = withSample(true);
    paced.send(2, 10);
    paced.kcp.quota.bytes = 0;
    expect(paced.run(100)).toEqual([]);
  });

  it('ends at some time with a peer that is gone', () => {
    const lonely = withSample(true, 60_000);
    lonely.send(1, 10);
    // 8 probes, the last after 15 x (1 + 2 + ... + 128) ms, then the timeout that counts from there.
    expect(lonely.run(60_000)).toHaveLength(8);
    expect(lonely.now).toBe(10 + 15 * 255);
    expect(lonely.run(64_000)).toEqual([{ at: 63_835, sn: 1 }]);
  });
});
