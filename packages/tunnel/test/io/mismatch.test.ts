// Settings that differ between the ends: nothing is negotiated on this wire, so the end that sees it must say it, once and by the name of the flag.

import type { TunnelOptions } from '@kcptun/tunnel';
import { expect, it } from 'vitest';
import { connect, startWorld, until } from './world.ts';

/** Short enough to see a session end, long enough for the first answer. */
const KEEPALIVE = { keepAliveInterval: 120, keepAliveTimeout: 400 };

type Settings = Partial<Pick<TunnelOptions, 'key' | 'crypt' | 'compression'>> & { readonly smuxver?: 1 | 2 };

interface Case {
  readonly name: string;
  readonly a: Settings;
  readonly b: Settings;
  /** What the server's line says, by which end has which settings: client a and server b, then the other way round. */
  readonly server: readonly [RegExp, RegExp];
}

const integrity = /^\d+ datagrams? from 127\.0\.0\.1:\d+ failed the integrity check: --key or --crypt differs/;
const peerCompresses = /invalid protocol \(the peer compresses, this end does not: make --nocomp equal at both ends\)$/;
const peerDoesNot = /corrupt input \(the peer does not compress, this end does: make --nocomp equal at both ends\)$/;
const versions = (seen: number, own: number): RegExp =>
  new RegExp(`invalid protocol \\(the peer speaks smux version ${seen}, this end ${own}: make --smuxver equal at both ends\\)$`);

const UNANSWERED: readonly Case[] = [
  { name: 'key', a: { key: 'one' }, b: { key: 'two' }, server: [integrity, integrity] },
  { name: 'crypt aes and salsa20', a: { crypt: 'aes' }, b: { crypt: 'salsa20' }, server: [integrity, integrity] },
  { name: 'crypt null and aes', a: { crypt: 'null' }, b: { crypt: 'aes' }, server: [integrity, integrity] },
];

const ANSWERED: readonly Case[] = [
  { name: 'smuxver', a: { smuxver: 1 }, b: { smuxver: 2 }, server: [versions(1, 2), versions(2, 1)] },
  {
    name: 'smuxver, uncompressed',
    a: { smuxver: 1, compression: false },
    b: { smuxver: 2, compression: false },
    server: [versions(1, 2), versions(2, 1)],
  },
  { name: 'compression', a: { compression: true }, b: { compression: false }, server: [peerCompresses, peerDoesNot] },
];

function optionsOf({ smuxver, ...rest }: Settings): Partial<TunnelOptions> {
  return { ...rest, smux: { ...KEEPALIVE, version: smuxver ?? 2 } };
}

async function meet(clientSettings: Settings, serverSettings: Settings, line: RegExp): Promise<void> {
  const { client, server, clientLog, serverLog, target } = await startWorld({
    client: optionsOf(clientSettings),
    server: optionsOf(serverSettings),
  });
  const socket = connect(client.port);
  socket.resume();
  const closed = new Promise((resolve) => socket.once('close', resolve));
  socket.write(new Uint8Array(20_000).fill(7));
  await until(() => serverLog.troubles.length > 0);
  // The client cannot know for certain; it sees that nothing comes back, or what the server says.
  await closed;
  await until(() => client.stats().links.length === 0 && server.stats().links.length === 0);

  expect(serverLog.troubles.filter((text) => line.test(text))).toHaveLength(1);
  expect(serverLog.troubles).toHaveLength(1);
  expect(clientLog.troubles.filter((text) => /--key|--crypt|--nocomp|--smuxver/.test(text))).toHaveLength(1);
  expect(client.stats().streams + server.stats().streams).toBe(0);
  expect(target.stats.connections).toBe(0);
}

/** Both ways round at once. */
async function meetBoth({ a, b, server: [line, otherLine] }: Case): Promise<void> {
  await Promise.all([meet(a, b, line), meet(b, a, otherLine)]);
}

// A client without an answer makes five attempts, which takes 17 s: so all at once.
it('ends that differ in the key or the cipher: one line at the server, one at the client, nothing left', async () => {
  await Promise.all(UNANSWERED.map(meetBoth));
});

it.each(ANSWERED)('ends that differ in $name: one line at the server, one at the client, nothing left', meetBoth);
