// Addresses as text, and their numbers.

import { describe, expect, test } from 'vitest';
import { addressGroup } from '../src/address.ts';
import { formatAddress, parsePortRange } from '../src/index.ts';
import { MAX_PATHS, NO_PATH, PathTable } from '../src/node/path-table.ts';

test.each([
  ['203.0.113.9', 4, '203.0.113.9'],
  ['::ffff:203.0.113.9', 6, '203.0.113.9'],
  ['2001:db8:1:2:3:4:5:6', 6, '2001:db8:1:2::/64'],
  ['2001:DB8:1:2::9', 6, '2001:db8:1:2::/64'],
  ['2001:db8::9', 6, '2001:db8:0:0::/64'],
  ['2001:0db8:0000:0002::1', 6, '2001:db8:0:2::/64'],
  ['::1', 6, '0:0:0:0::/64'],
  ['::', 6, '0:0:0:0::/64'],
  ['fe80::1%eth0', 6, 'fe80:0:0:0::/64'],
] as const)('sessions from %s are counted together with those of its network', (address, family, group) => {
  expect(addressGroup({ address, family, port: 1 })).toBe(group);
});

describe('parsePortRange', () => {
  test.each([
    ['127.0.0.1:29900', '127.0.0.1', 29_900, 29_900],
    [':29900', '', 29_900, 29_900],
    ['example.org:1-65535', 'example.org', 1, 65_535],
    ['[::1]:3000-4000', '::1', 3000, 4000],
    ['[fe80::1%eth0]:80', 'fe80::1%eth0', 80, 80],
    ['[]:80', '', 80, 80],
    ['host:0', 'host', 0, 0],
    ['host:7-7', 'host', 7, 7],
  ])('%s', (text, host, minPort, maxPort) => {
    expect(parsePortRange(text)).toEqual({ host, minPort, maxPort });
  });

  test.each([
    '',
    'host',
    'host:',
    '::1:80',
    'host:1-',
    'host:-1',
    'host:a',
    'host: 80',
    'host:80 ',
    '[::1]',
    '[::1:80',
    'a:b:80',
    'host:123456',
  ])('"%s" is malformed', (text) => {
    expect(() => parsePortRange(text)).toThrow(expect.objectContaining({ code: 'KCPTUN_ERR_TRANSPORT_ADDRESS' }));
  });

  test.each(['host:2-1', 'host:0-5', 'host:65536', 'host:1-65536'])('"%s" is no range of ports', (text) => {
    expect(() => parsePortRange(text)).toThrow(/invalid port range/);
  });
});

test('IPv6 addresses are put in brackets', () => {
  expect([formatAddress('1.2.3.4', 80), formatAddress('::1', 80), formatAddress('host', 1)]).toEqual(['1.2.3.4:80', '[::1]:80', 'host:1']);
});

describe('PathTable', () => {
  test('a remote keeps its number, every remote has another', () => {
    const table = new PathTable();
    const first = table.path('1.1.1.1', 10, 4);
    const second = table.path('1.1.1.1', 11, 4);
    const third = table.path('::1', 10, 6);
    expect(new Set([first, second, third]).size).toBe(3);
    expect([table.path('1.1.1.1', 10, 4), table.path('::1', 10, 6), table.path('1.1.1.1', 11, 4)]).toEqual([first, third, second]);
    expect(table.remote(second)).toEqual({ address: '1.1.1.1', port: 11, family: 4 });
    expect(table.size).toBe(3);
  });

  test('a forgotten number is given to the next remote', () => {
    const table = new PathTable();
    const first = table.path('1.1.1.1', 10, 4);
    table.path('1.1.1.1', 11, 4);
    table.forget(first);
    table.forget(first);
    table.forget(999);
    expect([table.size, table.remote(first)]).toEqual([1, undefined]);
    expect(table.path('2.2.2.2', 5, 4)).toBe(first);
    expect(table.remote(first)?.address).toBe('2.2.2.2');
  });

  test('the last remote can be forgotten and come back', () => {
    const table = new PathTable();
    const path = table.path('1.1.1.1', 10, 4);
    table.forget(path);
    expect(table.path('1.1.1.1', 10, 4)).toBe(path);
    expect(table.remote(path)?.port).toBe(10);
  });

  test('it is bounded', () => {
    const table = new PathTable();
    for (let index = 0; index < MAX_PATHS; index++) expect(table.path(`10.0.${index >> 8}.1`, index & 255, 4)).toBe(index);
    expect(table.path('9.9.9.9', 9, 4)).toBe(NO_PATH);
    expect(table.path('9.9.9.9', 9, 4)).toBe(NO_PATH);
    expect(table.size).toBe(MAX_PATHS);
    table.forget(77);
    expect(table.path('9.9.9.9', 9, 4)).toBe(77);
  });
});
