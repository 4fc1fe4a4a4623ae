// Work that a peer's input makes is shared out in time: a session whose bytes are nothing but empty frames gets its share of each
// millisecond, and nothing of it is lost. Work is counted, not time.

import { SnappyEncoder } from '@kcptun/comp';
import { deriveKey } from '@kcptun/crypt';
import { parseSessionParameters, type Session } from '@kcptun/session';
import { Scheduler, UdpEndpoint } from '@kcptun/transport';
import { describe, expect, test } from 'vitest';
import type { Link } from '../src/link.ts';
import {
  ADDRESS_READ_SHARES,
  AddressAccounts,
  CHUNK_WORK,
  MAX_READ_BURST,
  MAX_READ_WORK,
  READ_SLICE,
  ReadShare,
  STREAM_FRAME_WORK,
  STREAM_WORK,
} from '../src/read-work.ts';
import { SECOND, SERVER, Simulation } from './simulation.ts';

describe('the share of a session', () => {
  test('fills up with time, and makes up for what exceeded it', () => {
    const share = new ReadShare(undefined);
    expect(share.allowance(5)).toBe(MAX_READ_BURST);
    share.spend(MAX_READ_BURST + 3 * MAX_READ_WORK);
    expect(share.wait).toBe(4);
    expect(share.allowance(7)).toBe(-MAX_READ_WORK);
    expect(share.allowance(9)).toBe(MAX_READ_WORK);
    expect(share.allowance(1000)).toBe(MAX_READ_BURST);
  });

  test('is what is left of the share of its address, until it moves to another', () => {
    const accounts = new AddressAccounts();
    const shares = [0, 1, 2].map(() => new ReadShare(accounts));
    for (const share of shares) share.moveTo('10.0.0.66');
    for (const share of shares) share.allowance(0);
    for (const share of shares) share.spend(MAX_READ_BURST);
    expect(shares[0]?.allowance(0)).toBe(-MAX_READ_BURST);
    const late = new ReadShare(accounts);
    late.moveTo('10.0.0.66');
    expect(late.allowance(0)).toBe(-MAX_READ_BURST);
    late.moveTo('10.0.0.67');
    expect(late.allowance(0)).toBe(MAX_READ_BURST);
    expect(accounts.size).toBe(2);
    for (const share of [...shares, late]) share.moveTo('');
    expect(accounts.size).toBe(0);
  });
});

/** A peer that knows the key, and writes whatever it likes. */
function openPeer(simulation: Simulation): { write(bytes: Uint8Array, chunk?: number): void } {
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
    write: (bytes, chunk = 65_536) => {
      for (let at = 0; at < bytes.length; at += chunk) {
        const piece = bytes.subarray(at, at + chunk);
        encoder.write(session as Session, piece, piece.length, undefined, 0, 0);
      }
      udp?.flush();
    },
  };
}

/** A frame as often as said. */
function frames(count: number, command: number, sid = 99, payload: readonly number[] = []): Uint8Array {
  const frame = [2, command, payload.length, 0, sid, 0, 0, 0, ...payload];
  const bytes = new Uint8Array(count * frame.length);
  for (let at = 0; at < bytes.length; at += frame.length) bytes.set(frame, at);
  return bytes;
}

/** Streams that are opened and closed at once. */
function churn(first: number, count: number): Uint8Array {
  const bytes = new Uint8Array(16 * count);
  for (let index = 0; index < count; index++) {
    const sid = 2 * (first + index) + 5;
    for (const [at, command] of [0, 1].entries())
      bytes.set([2, command, 0, 0, sid & 255, (sid >> 8) & 255, sid >> 16, 0], 16 * index + 8 * at);
  }
  return bytes;
}

/** The server of a simulation, whose client has a session already, and how many frames all other sessions have seen. */
async function start(): Promise<{ simulation: Simulation; seen(): number }> {
  const simulation = await Simulation.start({
    shared: { crypt: 'null', session: { dataShards: 0, parityShards: 0, rcvWnd: 4096 }, smux: { version: 2 } },
  });
  simulation.world.clock.advanceBy(SECOND);
  const links = (): readonly Link[] => simulation.server.stats().links.slice(1);
  return {
    simulation,
    seen: () => links().reduce((sum, link) => sum + link.smux.stats.framesReceived, 0),
  };
}

const NOPS = frames(8192, 3);
const WINDOW = [0, 0, 0, 0, 0, 0, 4, 0];
const OPEN = 3;

// Name, what a frame counts, its length, what is written each time, bytes of a chunk, how often.
describe.each<[string, number, number, (step: number) => Uint8Array, number, number]>([
  ['NOP', 1, 8, () => NOPS, 65_536, 40],
  ['PSH without payload', 1, 8, () => frames(8192, 2), 65_536, 40],
  ['FIN', 1, 8, () => frames(8192, 1), 65_536, 40],
  ['UPD of no stream', 1 + STREAM_FRAME_WORK, 16, () => frames(4096, 4, 99, WINDOW), 65_536, 10],
  ['UPD of an open stream', 1 + STREAM_FRAME_WORK, 16, () => frames(4096, 4, OPEN, WINDOW), 65_536, 10],
  ['a byte for an open stream', 1 + STREAM_FRAME_WORK, 9, () => frames(4096, 2, OPEN, [7]), 65_536, 10],
  ['chunks of one frame', 1 + CHUNK_WORK, 8, () => NOPS, 8, 4],
  ['SYN and FIN', (2 + STREAM_WORK) / 2, 8, (step) => churn(100 * step, 100), 65_536, 40],
])('%s over and over', (_name, work, length, make, chunk, times) => {
  test('is worked off a share in a millisecond, and all of it', async () => {
    const { simulation, seen } = await start();
    const peer = openPeer(simulation);
    peer.write(frames(1, 0, OPEN));
    simulation.world.clock.advanceBy(SECOND);
    const before = seen();
    let sent = 0;
    for (let step = 0; step < times; step++) {
      const bytes = make(step);
      sent += bytes.length / length;
      peer.write(bytes, chunk);
    }
    // A slice, or all of a datagram, is begun as long as anything of the share is left.
    const slack = (Math.max(READ_SLICE, 1400) / length) * work;
    for (let ms = 1; ms <= 2 * SECOND; ms++) {
      simulation.world.clock.advanceBy(1);
      expect((seen() - before) * work).toBeLessThanOrEqual(MAX_READ_BURST + (ms + 1) * MAX_READ_WORK + slack);
    }
    expect(seen() - before).toBe(sent);
    simulation.stop();
  });
});

test('sessions of one address have two shares together', async () => {
  const { simulation, seen } = await start();
  const peers = [0, 1, 2, 3].map(() => openPeer(simulation));
  for (const peer of peers) peer.write(frames(1, 3));
  simulation.world.clock.advanceBy(SECOND);
  const before = seen();
  for (const peer of peers) for (let step = 0; step < 40; step++) peer.write(NOPS);
  const shares = ADDRESS_READ_SHARES;
  for (let ms = 1; ms <= 200; ms++) {
    simulation.world.clock.advanceBy(1);
    const most = shares * (MAX_READ_BURST + (ms + 1) * MAX_READ_WORK) + (peers.length * READ_SLICE) / 8;
    expect(seen() - before).toBeLessThanOrEqual(most);
  }
  simulation.world.clock.advanceBy(2 * SECOND);
  expect(seen() - before).toBe(4 * 40 * 8192);
  simulation.stop();
});
