// Work that a peer's input makes is shared out in time: a session whose bytes are nothing but empty frames gets its share of each
// millisecond, and nothing of it is lost. Work is counted, not time.

import { SnappyEncoder } from '@kcptun/comp';
import { deriveKey } from '@kcptun/crypt';
import { parseSessionParameters, type Session } from '@kcptun/session';
import { Scheduler, UdpEndpoint } from '@kcptun/transport';
import { describe, expect, test } from 'vitest';
import { MAX_READ_WORK, ReadWork } from '../src/read-work.ts';
import { SECOND, SERVER, Simulation } from './simulation.ts';

describe('the account of a session', () => {
  test('fills up within a millisecond, and not beyond a share', () => {
    const work = new ReadWork();
    expect(work.allowance(5)).toBe(MAX_READ_WORK);
    work.spend(MAX_READ_WORK);
    expect(work.wait).toBe(1);
    expect(work.allowance(5)).toBe(0);
    expect(work.allowance(5.5)).toBe(MAX_READ_WORK / 2);
    expect(work.allowance(100)).toBe(MAX_READ_WORK);
  });

  test('makes up for what exceeded it', () => {
    const work = new ReadWork();
    work.allowance(0);
    work.spend(3 * MAX_READ_WORK);
    expect(work.wait).toBe(3);
    expect(work.allowance(2)).toBe(0);
    expect(work.allowance(3)).toBe(MAX_READ_WORK);
  });
});

/** A peer that knows the key, and writes whatever it likes. */
function openPeer(simulation: Simulation, compression: boolean): { write(bytes: Uint8Array): void } {
  const host = simulation.world.host('10.0.0.66');
  let session: Session | undefined;
  let udp: UdpEndpoint | undefined;
  const encoder = new SnappyEncoder();
  UdpEndpoint.open(
    host,
    new Scheduler(host),
    {
      host: '',
      port: 0,
      remote: { address: SERVER, family: 4, port: 29_900 },
      role: 'client',
      crypt: host.createCrypt('null', deriveKey('k')),
      parameters: parseSessionParameters({ mode: 'fast3', sndWnd: 4096, rcvWnd: 128, dataShards: 0, parityShards: 0 }),
    },
    {},
    (_error, endpoint) => {
      udp = endpoint;
      session = endpoint?.openSession({
        onReadable: () => {
          while (session?.peek()) session.consume(session.readLength);
        },
        onWritable: () => {},
        onClosed: () => {},
      });
    },
  );
  simulation.world.clock.advanceBy(1);
  return {
    write: (bytes) => {
      if (compression) encoder.write(session as Session, bytes, bytes.length, undefined, 0, 0);
      else session?.write(bytes, 0, bytes.length);
      udp?.flush();
    },
  };
}

/** So many frames of one kind. */
function frames(count: number, command: number): Uint8Array {
  const bytes = new Uint8Array(8 * count);
  for (let at = 0; at < bytes.length; at += 8) bytes.set([2, command, 0, 0, 99, 0, 0, 0], at);
  return bytes;
}

describe.each([
  ['NOP', 3],
  ['PSH without payload', 2],
  ['FIN', 1],
])('%s over and over, compressed', (_name, command) => {
  test('is worked off a share in a millisecond, and all of it', async () => {
    const simulation = await Simulation.start({
      shared: { crypt: 'null', session: { dataShards: 0, parityShards: 0, rcvWnd: 4096 }, smux: { version: 2 } },
    });
    const peer = openPeer(simulation, true);
    peer.write(frames(1, 3));
    simulation.world.clock.advanceBy(SECOND);
    // The client of the simulation has a session as well, an older one.
    const link = simulation.server.stats().links.at(-1);
    const seen = (): number => link?.smux.stats.framesReceived ?? 0;
    const before = seen();
    for (let index = 0; index < 40; index++) peer.write(frames(8192, command));
    let most = 0;
    let last = before;
    for (let ms = 0; ms < 2 * SECOND; ms++) {
      simulation.world.clock.advanceBy(1);
      most = Math.max(most, seen() - last);
      last = seen();
    }
    expect(last - before).toBe(40 * 8192);
    // One chunk holds 8192 frames, and is begun as long as anything of the share is left.
    expect(most).toBeLessThanOrEqual(3 * MAX_READ_WORK);
    simulation.stop();
  });
});
