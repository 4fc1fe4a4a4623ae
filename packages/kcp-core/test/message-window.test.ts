// Messages and windows: what the peer's window can never hold is refused, and a receiver that gets it nevertheless reads it.
import { describe, expect, it } from 'vitest';
import { CMD_PUSH, FRAGMENTS_MAX, Kcp, type KcpOptions, OVERHEAD } from '../src/index.ts';
import { writeHeader } from './packets.ts';
import { Pair } from './simulate.ts';

const MSS = 100;
const OPTIONS = { mode: 'fast3', mtu: MSS + OVERHEAD } as const;

function message(fragments: number): Uint8Array {
  return Uint8Array.from({ length: fragments * MSS }, (_, index) => index * 7 + (index >> 8));
}

/** Lets two ends talk until they are idle, and returns the messages that `b` got. */
function talk(pair: Pair, messages: readonly Uint8Array[]): Uint8Array[] {
  const got: Uint8Array[] = [];
  const target = new Uint8Array(65_536);
  const rest = [...messages];
  pair.onStep = () => {
    for (let size = pair.b.recv(target); size >= 0; size = pair.b.recv(target)) got.push(target.slice(0, size));
    if (rest[0] !== undefined && pair.a.waitSnd < 64 && pair.a.send(rest[0]) === 0) {
      rest.shift();
      pair.a.flush(pair.now);
    }
  };
  expect(pair.run(60_000)).toBe(true);
  return got;
}

describe('a conversation with default windows', () => {
  it('carries the largest message that send takes, as the first one and later', () => {
    const messages = [FRAGMENTS_MAX, 1, FRAGMENTS_MAX].map(message);
    for (const loss of [0, 0.1]) expect(talk(new Pair(OPTIONS, { seed: 1, delay: 10, loss }), messages)).toEqual(messages);
    const { a } = new Pair(OPTIONS, { seed: 1, delay: 10, loss: 0 });
    expect(a.send(message(FRAGMENTS_MAX))).toBe(0);
    expect(a.send(message(FRAGMENTS_MAX + 1))).toBe(-2);
  });

  it('has the window of the reference in stream mode', () => {
    expect(new Kcp({ conv: 1, sink: () => {}, stream: true }).rcvWnd).toBe(32);
  });
});

describe('a sender', () => {
  function heard(window: number, una: number, own: Partial<KcpOptions> = {}): Kcp {
    const kcp = new Kcp({ conv: 7, sink: () => {}, ...OPTIONS, ...own });
    for (let sent = 0; sent < una; sent++) kcp.send(message(1));
    kcp.flush(0);
    tell(kcp, window, una);
    return kcp;
  }

  function tell(kcp: Kcp, window: number, una: number): void {
    const packet = new Uint8Array(OVERHEAD);
    writeHeader(packet, 0, 7, 84, 0, 0, 0, 0);
    const view = new DataView(packet.buffer);
    view.setUint16(6, window, true);
    view.setUint32(16, una, true);
    expect(kcp.input(packet, 0, packet.length, 1)).toBe(0);
  }

  it("refuses what the peer's window can never hold", () => {
    const kcp = heard(20, 0);
    expect([kcp.send(message(20)), kcp.send(message(21)), kcp.waitSnd]).toEqual([0, -2, 20]);
  });

  it('knows that a peer may hold what it has acknowledged, and believes the largest window', () => {
    const kcp = heard(17, 3);
    expect([kcp.send(message(20)), kcp.send(message(21))]).toEqual([0, -2]);
    tell(kcp, 0, 3);
    expect(kcp.send(message(20))).toBe(0);
    tell(kcp, 200, 3);
    expect([kcp.send(message(200)), kcp.send(message(201))]).toEqual([0, -2]);
  });

  it('takes the window of a peer that was not heard for as large as its own', () => {
    const kcp = new Kcp({ conv: 7, sink: () => {}, ...OPTIONS, rcvWnd: 10 });
    expect([kcp.send(message(10)), kcp.send(message(11))]).toEqual([0, -2]);
  });

  it('refuses nothing in stream mode, where borders are not kept', () => {
    expect(heard(20, 0, { stream: true }).send(message(200))).toBe(0);
  });
});

describe('a receiver', () => {
  it('reads a message that is longer than its window, and goes on', () => {
    for (const loss of [0, 0.1]) {
      const messages = [3, 100, 1, FRAGMENTS_MAX, 40].map(message);
      const pair = new Pair(OPTIONS, { seed: 2, delay: 10, loss });
      pair.b.wndSize(0, 8);
      // A sender that knows no better, as in other programs: it has heard of a large window before.
      const hello = new Uint8Array(OVERHEAD);
      writeHeader(hello, 0, 7, 84, 0, 0, 0, 0);
      new DataView(hello.buffer).setUint16(6, 300, true);
      pair.a.input(hello, 0, hello.length, pair.now);
      expect(talk(pair, messages)).toEqual(messages);
      expect([pair.b.rcvWnd, pair.b.state().rcvQueue]).toEqual([8, 0]);
    }
  });

  it('keeps 256 segments in order at most for a message that never ends', () => {
    const kcp = new Kcp({ conv: 7, sink: () => {}, ...OPTIONS, rcvWnd: 8 });
    const packet = new Uint8Array(OVERHEAD + 4);
    for (let sn = 0; sn < 2000; sn++) {
      writeHeader(packet, 0, 7, CMD_PUSH, sn, 0, 0, 4);
      packet[5] = 255;
      kcp.input(packet, 0, packet.length, 0);
    }
    expect(kcp.readable).toBe(FRAGMENTS_MAX + 1);
    expect(kcp.peekSize()).toBeGreaterThan(0);
  });
});
