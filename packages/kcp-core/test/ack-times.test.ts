// Times of acknowledgements, and which of them are samples of the round-trip time.

import { describe, expect, it } from 'vitest';
import { AckTimes } from '../src/ack-times.ts';
import { Kcp, OVERHEAD } from '../src/index.ts';
import { ackPacket } from './packets.ts';

describe('times of acknowledgements', () => {
  it('tell those in order of transmission from late ones', () => {
    const times = new AckTimes();
    times.note(130, 100);
    times.note(135, 110);
    // Of the same flush as the newest: in order.
    times.note(170, 110);
    times.note(180, 90);
    times.note(181, 105);
    expect(times).toMatchObject({ slowest: 60, slowestLate: 90, count: 5, late: 2 });
    times.reset();
    expect(times).toMatchObject({ slowest: 0, slowestLate: 0, count: 0, late: 0 });
    // Which one was the newest is still known.
    times.note(200, 109);
    expect(times).toMatchObject({ slowestLate: 91, late: 1 });
  });

  it('of several turns add up', () => {
    const sum = new AckTimes();
    for (const [slowest, slowestLate] of [
      [30, 0],
      [20, 70],
    ] as const) {
      const times = new AckTimes();
      times.note(1000, 1000 - slowest);
      if (slowestLate > 0) times.note(1000, 1000 - slowestLate);
      sum.add(times);
    }
    expect(sum).toMatchObject({ slowest: 30, slowestLate: 70, count: 3, late: 1 });
  });

  it('begin anywhere, and go on where the time stamps begin anew', () => {
    const times = new AckTimes();
    times.note(0xffff_fff0, 0xffff_ffe0);
    times.note(5, 0xffff_fff5);
    times.note(20, 2);
    times.note(30, 0xffff_ffff);
    expect(times).toMatchObject({ slowest: 18, slowestLate: 31, count: 4, late: 1 });
  });

  it('pay no heed to time stamps of the future', () => {
    const times = new AckTimes();
    times.note(100, 90);
    times.note(100, 5_000_000);
    times.note(110, 95);
    expect(times).toMatchObject({ slowest: 15, count: 2, late: 0 });
  });
});

describe('samples of the round-trip time', () => {
  /** A conversation of which the second segment is acknowledged after 20 ms, and the first after 500. */
  function conversation(samplesLate: boolean): Kcp {
    const kcp = new Kcp({ conv: 1, sink: () => undefined, mode: 'fast3' });
    kcp.ackTimes.samplesLate = samplesLate;
    for (const at of [0, 50]) {
      kcp.send(new Uint8Array(kcp.mss));
      kcp.flush(at);
    }
    kcp.input(ackPacket(1, 0, 50), 0, OVERHEAD, 70);
    expect(kcp.srtt).toBe(20);
    kcp.input(ackPacket(0, 2, 0), 0, OVERHEAD, 500);
    return kcp;
  }

  it('are of all acknowledgements, as in the reference', () => {
    const { srtt, rto } = conversation(true);
    expect({ srtt, rto }).toEqual({ srtt: 80, rto: 588 });
  });

  it('are of those in order alone where the owner wants that; a late one settles its segment all the same', () => {
    const { srtt, rto, inflight } = conversation(false);
    expect({ srtt, rto, inflight }).toEqual({ srtt: 20, rto: 60, inflight: 0 });
  });
});
