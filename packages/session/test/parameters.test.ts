// What a session is tuned with, and the arithmetic of sizes (PROTOCOL session §4).

import { type CryptMethod, createPacketCrypt } from '@kcptun/crypt';
import { Random } from '@kcptun/testkit';
import { describe, expect, test } from 'vitest';
import { Endpoint, parseSessionParameters } from '../src/index.ts';
import { endpointOptions, KEY, NO_FEC, transfer, world } from './world.ts';

describe('sizes', () => {
  const cases: [CryptMethod, boolean, number][] = [
    ['aes', true, 1298],
    ['aes', false, 1306],
    ['xor', true, 1298],
    ['salsa20', false, 1306],
    ['none', true, 1298],
    ['aes-128-gcm', true, 1290],
    ['aes-128-gcm', false, 1298],
    ['null', true, 1318],
    ['null', false, 1326],
  ];
  test.each(cases)('%s with FEC %s at mtu 1350 carries %i bytes a segment', (crypt, fec, mss) => {
    for (const mtu of [500, 1350, 1500]) {
      const parameters = { mtu, ...(fec ? { dataShards: 4, parityShards: 2, keepShards: true } : NO_FEC) };
      const it = transfer(world(), { seed: 1, upload: 30_000, download: 0, client: { crypt, parameters }, server: { crypt } });
      it.run(1000);
      expect(it.session.kcp.mss).toBe(mss + mtu - 1350);
      expect(it.client.longest).toBe(mtu);
      // Parity is as long as the longest packet of its group: full ones here.
      if (fec) expect(it.client.lengths.filter((length) => length === mtu).length).toBeGreaterThan((30_000 / mss) * 1.25);
    }
  });

  test('an mtu that leaves no room is refused, one byte more is not', () => {
    const make = (mtu: number): Endpoint =>
      new Endpoint({ ...endpointOptions({ mtu }), crypt: createPacketCrypt({ method: 'aes', key: KEY, random: new Random(1).source }) });
    expect(() => make(52)).toThrow(expect.objectContaining({ code: 'KCPTUN_ERR_SESSION_MTU' }));
    expect(make(53).open(0, 0).kcp.mss).toBe(1);
  });
});

describe('parameters', () => {
  test('a mode sets the four timing values, single ones override it', () => {
    expect(parseSessionParameters({ mode: 'fast3' })).toMatchObject({ nodelay: 1, interval: 10, resend: 2, nc: 1 });
    expect(parseSessionParameters({ mode: 'normal', interval: 25 })).toMatchObject({ nodelay: 0, interval: 25, resend: 2, nc: 1 });
    expect(() => parseSessionParameters({ mode: 'turbo' as 'fast' })).toThrow(
      /^mode must be one of normal, fast, fast2, fast3, auto, got turbo$/,
    );
  });

  test('auto takes no number of its own, and large windows as limits', () => {
    expect(parseSessionParameters({ mode: 'auto', rcvWnd: 2048 })).toMatchObject({ auto: true, sndWnd: 65_535, rcvWnd: 2048 });
    expect(parseSessionParameters({ mode: 'fast3' }).auto).toBe(false);
  });

  test('defaults are those of the original', () => {
    expect(parseSessionParameters()).toMatchObject({
      mtu: 1350,
      dataShards: 10,
      parityShards: 3,
      interval: 30,
      nodelay: 0,
      resend: 2,
      nc: 1,
    });
  });

  test.each([
    ['nodelay', 2],
    ['interval', 9],
    ['interval', 5001],
    ['resend', -1],
    ['nc', 2],
    ['sndWnd', 0],
    ['rcvWnd', 65_536],
    ['mtu', 1501],
    ['dataShards', 256],
    ['parityShards', -1],
    ['inflightFloor', 0],
  ])('%s %d is out of range', (name, value) => {
    expect(() => parseSessionParameters({ [name]: value })).toThrow(new RegExp(`^${name} must be between`));
    expect(() => parseSessionParameters({ [name]: 1.5 })).toThrow(TypeError);
  });

  test('more than 256 shards are refused', () => {
    expect(() => parseSessionParameters({ dataShards: 200, parityShards: 57 })).toThrow(/dataShards \+ parityShards/);
    expect(parseSessionParameters({ dataShards: 200, parityShards: 56 }).dataShards).toBe(200);
  });
});
