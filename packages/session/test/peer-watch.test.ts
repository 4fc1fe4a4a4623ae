// What the watch makes of answers and of their absence; whole sessions are in the tunnel's tests.

import { CMD_ACK, CMD_PUSH } from '@kcptun/kcp-core';
import { describe, expect, test } from 'vitest';
import { PeerWatch } from '../src/peer-watch.ts';

const RTO = 200;

function answering(): PeerWatch {
  const watch = new PeerWatch(0, 1000);
  watch.asks = true;
  watch.handlePacket(CMD_ACK, 1000, 1, 1, 1040);
  expect(watch.state).toBe('answering');
  return watch;
}

describe('PeerWatch', () => {
  test('is unknown until the beginning was acknowledged', () => {
    const watch = new PeerWatch(0, 1000);
    watch.asks = true;
    watch.handlePacket(CMD_PUSH, 0, 0, 0, 1040);
    expect(watch.state).toBe('unknown');
    watch.handlePacket(CMD_ACK, 1000, 1, 1, 1080);
    expect(watch.state).toBe('answering');
  });

  test('doubts from the first question to the next answer, and then calls it silent', () => {
    const watch = answering();
    for (let now = 2000; watch.state !== 'doubted'; now = watch.next) {
      expect(now).toBeLessThan(3000);
      watch.look(now, true, RTO);
    }
    watch.handlePacket(CMD_ACK, 1500, 2, 2, 2600);
    expect(watch.state).toBe('answering');
    const states: string[] = [];
    for (let now = 4000; now < 9000; now = watch.next) {
      watch.look(now, true, RTO);
      if (states.at(-1) !== watch.state) states.push(watch.state);
    }
    expect(states).toEqual(['answering', 'doubted', 'silent']);
  });

  test('after a doubt, what was on its way proves nothing', () => {
    const watch = answering();
    watch.doubt(5000, 3);
    expect([watch.state, watch.challenged]).toEqual(['doubted', true]);
    // An acknowledgement of what left before, and data that was waiting in the socket.
    watch.handlePacket(CMD_ACK, 4999, 2, 2, 5001);
    watch.handlePacket(CMD_PUSH, 77, 3, 3, 5002);
    expect([watch.state, watch.challenged]).toEqual(['doubted', true]);
    watch.handlePacket(CMD_ACK, 5000, 3, 3, 5040);
    expect([watch.state, watch.challenged]).toEqual(['answering', false]);
  });

  test('after a doubt, una beyond what had left before is a proof as well', () => {
    const watch = answering();
    watch.doubt(5000, 3);
    watch.handlePacket(CMD_PUSH, 77, 4, 4, 5040);
    expect([watch.state, watch.challenged]).toEqual(['answering', false]);
  });
});
