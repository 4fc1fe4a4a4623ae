// Captures of the original programs, with every cipher: fed with what one end sent, an endpoint must deliver exactly the bytes that were written there.

import { type PacketBatch, readU16, readU32, writeU32 } from '@kcptun/common';
import { type CryptMethod, createPacketCrypt, deriveKey, type PacketCrypt } from '@kcptun/crypt';
import { FEC_HEADER_SIZE, FEC_TYPE_DATA } from '@kcptun/fec';
import { OVERHEAD } from '@kcptun/kcp-core';
import { fromHex, Random, toHex } from '@kcptun/testkit';
import { describe, expect, test } from 'vitest';
import vectors from '../../testkit/vectors/full.json' with { type: 'json' };
import { Endpoint, parseSessionParameters, type Session } from '../src/index.ts';
import { deliver } from './packets.ts';
import { Reader } from './world.ts';

type Case = (typeof vectors.cases)[number];

const keys = new Map<string, Uint8Array>();

function cryptOf(it: Case): PacketCrypt {
  const key = keys.get(it.key) ?? deriveKey(it.key);
  keys.set(it.key, key);
  return createPacketCrypt({ method: it.crypt as CryptMethod, key, random: new Random(1).source });
}

function shardsOf(it: Case): { dataShards: number; parityShards: number } {
  const option = (name: string, value: number): number => Number(new RegExp(`--${name} ([0-9]+)`).exec(it.options)?.[1] ?? value);
  return { dataShards: option('ds', 10), parityShards: option('ps', 3) };
}

function endpointOf(it: Case, role: 'client' | 'server', conv: number, transmit: (batch: PacketBatch) => number): Endpoint {
  return new Endpoint({
    role,
    crypt: cryptOf(it),
    parameters: parseSessionParameters({ ...shardsOf(it), rcvWnd: role === 'client' ? 512 : 1024 }),
    transmit,
    random: (target) => writeU32(target, 0, conv),
  });
}

/** The datagrams of one direction, as they were on the wire. */
function wire(it: Case, dir: string): Uint8Array[] {
  return it.datagrams.filter((datagram) => datagram.dir === dir).map((datagram) => fromHex(datagram.wire));
}

/** The plaintext of a datagram; with method `null` it is not noted apart. */
function plainOf(datagram: Case['datagrams'][number]): Uint8Array {
  return fromHex('plain' in datagram ? datagram.plain : datagram.wire);
}

function firstPlain(it: Case): Uint8Array {
  return plainOf(it.datagrams.find(({ dir }) => dir === 'c>s') as Case['datagrams'][number]);
}

function kcpAt(plain: Uint8Array): number {
  return readU16(plain, 4) === FEC_TYPE_DATA ? FEC_HEADER_SIZE : 0;
}

const all = (batch: PacketBatch): number => batch.count;

/** What a server delivers that gets these datagrams. */
function served(it: Case, datagrams: readonly Uint8Array[]): { conv: number; bytes: Uint8Array; endpoint: Endpoint } {
  const endpoint = endpointOf(it, 'server', 0, all);
  const reader = new Reader();
  let session: Session | undefined;
  for (const datagram of datagrams) {
    deliver(endpoint, 7, [datagram]);
    session ??= endpoint.pollEvent()?.session;
    if (session !== undefined) reader.read(session);
    endpoint.flush(0);
  }
  return { conv: session?.conv ?? -1, bytes: reader.bytes, endpoint };
}

describe.each(vectors.cases.map((it) => [it.name, it] as const))('%s', (_, it) => {
  const first = firstPlain(it);
  const conv = readU32(first, kcpAt(first));

  test('a server delivers what the client sent', () => {
    const { conv: opened, bytes, endpoint } = served(it, wire(it, 'c>s'));
    expect(opened).toBe(conv);
    expect(toHex(bytes)).toBe(it.kcp_stream_c2s);
    expect(endpoint.refusedDatagrams).toBe(0);
    expect(endpoint.counters.dropped).toBe(0);
    expect(endpoint.counters.snapshot()).toMatchObject({ KCPInErrors: 0, InErrs: 0, PassiveOpens: 1, InPkts: wire(it, 'c>s').length });
  });

  test('a client delivers what the server sent', () => {
    const endpoint = endpointOf(it, 'client', conv, all);
    const session = endpoint.open(7, 0);
    // What the captured client wrote: the server's acknowledgements speak of it.
    session.write(fromHex(it.kcp_stream_c2s), 0, it.kcp_stream_c2s.length / 2);
    endpoint.flush(0);
    const reader = new Reader();
    for (const datagram of wire(it, 's>c')) {
      deliver(endpoint, 7, [datagram], 1000);
      reader.read(session);
      endpoint.flush(1000);
    }
    expect(session.conv).toBe(conv);
    expect(toHex(reader.bytes)).toBe(it.kcp_stream_s2c);
    expect(endpoint.counters.dropped).toBe(0);
    expect(endpoint.counters.snapshot()).toMatchObject({ KCPInErrors: 0, InCsumErrors: 0, ActiveOpens: 1 });
  });

  test('the first datagram of a client is the same, byte for byte', () => {
    const sent: Uint8Array[] = [];
    const crypt = cryptOf(it);
    const endpoint = endpointOf(it, 'client', conv, (batch) => {
      crypt.open(batch);
      for (let index = 0; index < batch.count; index++) sent.push(batch.packet(index).slice());
      return batch.count;
    });
    const at = kcpAt(first);
    const payload = first.subarray(at + OVERHEAD);
    const session = endpoint.open(7, 0);
    session.write(payload, 0, payload.length);
    endpoint.flush(readU32(first, at + 8));
    expect(sent.map(toHex)).toEqual([toHex(first)]);
  });
});

describe('captured parity', () => {
  const it = vectors.cases.find(({ name }) => name.startsWith('FEC 3+2')) as Case;
  const sent = it.datagrams.filter(({ dir }) => dir === 'c>s').map((datagram) => ({ ...datagram, seqid: readU32(plainOf(datagram), 0) }));
  const groups = new Map<number, typeof sent>();
  for (const datagram of sent)
    groups.set(Math.floor(datagram.seqid / 5), [...(groups.get(Math.floor(datagram.seqid / 5)) ?? []), datagram]);
  const whole = [...groups.values()].filter((group) => group.length === 5).flatMap((group) => group.slice(0, 3));

  test('covers at least one group', () => {
    expect(whole.length).toBeGreaterThan(0);
  });

  test.each(whole.map(({ seqid }) => seqid))('stands in for datagram %i', (seqid) => {
    const left = sent.filter((datagram) => datagram.seqid !== seqid).map(({ wire: hex }) => fromHex(hex));
    const { bytes, endpoint } = served(it, left);
    expect(toHex(bytes)).toBe(it.kcp_stream_c2s);
    expect(endpoint.counters.snapshot().FECRecovered).toBe(1);
  });
});
