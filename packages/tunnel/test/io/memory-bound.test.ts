// A tunnel whose both ends stop reading holds no more than `memoryBound` says, and much of it: the bound is neither passed nor idle.

import { once } from 'node:events';
import net from 'node:net';
import { memoryBound, type TunnelStats } from '@kcptun/tunnel';
import { expect, test } from 'vitest';
import { atEnd, startWorld } from './world.ts';

const PIECE = 64 * 1024;

test('stalled in both directions', async () => {
  const shared = {
    session: { sndWnd: 256, rcvWnd: 256 },
    smux: { maxReceiveBuffer: 2_000_000, maxStreamBuffer: 1_000_000 },
    compression: false,
  };
  // A target that writes for ever and reads nothing.
  const far: net.Socket[] = [];
  const target = net.createServer((socket) => {
    far.push(socket.on('error', () => {}).pause());
    writeForEver(socket);
  });
  target.listen(0, '127.0.0.1');
  await once(target, 'listening');
  atEnd(() => target.close());
  atEnd(() => {
    for (const socket of far) socket.destroy();
  });
  const { client, server } = await startWorld({ shared, targetPort: (target.address() as net.AddressInfo).port });

  const streams = 4;
  for (let count = 0; count < streams; count++) {
    const near = net
      .connect(client.port, '127.0.0.1')
      .on('error', () => {})
      .pause();
    atEnd(() => near.destroy());
    await once(near, 'connect');
    writeForEver(near);
  }
  const bound = memoryBound({ key: 'k', ...shared });
  for (const tunnel of [client, server]) {
    const held = await whenStill(() => tunnel.stats());
    const unread = held.chunks * PIECE;
    expect(unread).toBeLessThanOrEqual(bound.unread + streams * bound.connection);
    expect(unread).toBeGreaterThan(bound.unread / 2);
    const waiting = held.snmp.RingBufferSndQueue + held.snmp.RingBufferSndBuffer;
    expect(waiting).toBeLessThanOrEqual(shared.session.sndWnd);
    expect(held.snmp.RingBufferRcvQueue).toBeLessThanOrEqual(shared.session.rcvWnd);
  }
});

/** Writes whenever there is room. */
function writeForEver(socket: net.Socket): void {
  const piece = Buffer.alloc(PIECE, 7);
  const fill = (): void => {
    while (socket.writable && socket.write(piece));
  };
  socket.on('drain', fill);
  fill();
}

/** What a tunnel holds once nothing has changed for a while: all windows are closed. */
async function whenStill(read: () => TunnelStats): Promise<TunnelStats> {
  let last = read();
  let still = 0;
  for (let round = 0; round < 300 && still < 5; round++) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    const now = read();
    still = now.chunks === last.chunks && now.chunks > 0 && now.snmp.BytesReceived === last.snmp.BytesReceived ? still + 1 : 0;
    last = now;
  }
  expect(still).toBe(5);
  return last;
}
