// The system's form of addresses, and paths by it.

import { SocketAddress as NodeSocketAddress } from 'node:net';
import { networkInterfaces } from 'node:os';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SocketAddress } from '../src/host.ts';
import { AddressPaths } from '../src/node/native/address-paths.ts';
import { NAME_WORDS } from '../src/node/native/message-table.ts';
import { decodeSocketAddress, encodeSocketAddress } from '../src/node/native/socket-address.ts';
import { MAX_PATHS, NO_PATH } from '../src/node/path-table.ts';

function decoded(address: SocketAddress): SocketAddress {
  const bytes = new Uint8Array(40);
  bytes.set(encodeSocketAddress(address) as Uint8Array, 8);
  return decodeSocketAddress(bytes, 8);
}

/** As the system would write it behind a datagram. */
function words(address: SocketAddress): Int32Array {
  const target = new Int32Array(NAME_WORDS);
  new Uint8Array(target.buffer).set(encodeSocketAddress(address) as Uint8Array);
  return target;
}

const ipv4 = fc.record({ address: fc.ipV4(), port: fc.integer({ min: 1, max: 65_535 }), family: fc.constant(4 as const) });
const ipv6 = fc.record({ address: fc.ipV6(), port: fc.integer({ min: 1, max: 65_535 }), family: fc.constant(6 as const) });

describe('socket addresses', () => {
  it('lays IPv4 out as sockaddr_in', () => {
    expect([...(encodeSocketAddress({ address: '1.2.3.4', port: 0x1234, family: 4 }) as Uint8Array)]).toEqual([
      2, 0, 0x12, 0x34, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0,
    ]);
  });

  it('lays IPv6 out as sockaddr_in6', () => {
    expect([...(encodeSocketAddress({ address: 'fe80::1:2%3', port: 80, family: 6 }) as Uint8Array)]).toEqual([
      10, 0, 0, 80, 0, 0, 0, 0, 0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 2, 3, 0, 0, 0,
    ]);
  });

  it.each([
    '::',
    '::1',
    '1::',
    '2001:db8::8:800:200c:417a',
    '1:0:0:2::3',
    '1:2:3:4:5:6:7:8',
    '::ffff:9.8.7.6',
    'ff01::101',
    '1:2:3:4:5:6:7::',
  ])('keeps %s', (address) => {
    expect(decoded({ address, port: 5, family: 6 })).toEqual({
      address: new NodeSocketAddress({ address, family: 'ipv6' }).address,
      port: 5,
      family: 6,
    });
  });

  it('writes every address as Node does', () => {
    fc.assert(
      fc.property(fc.oneof(ipv4, ipv6), (address) => {
        const family = address.family === 4 ? 'ipv4' : 'ipv6';
        const same = new NodeSocketAddress({ address: address.address, family }).address;
        // Node also writes the long deprecated ::1.2.3.4 with dots.
        fc.pre(!/^::[0-9.]+$/.test(same));
        expect(decoded(address)).toEqual({ ...address, address: same });
      }),
      { numRuns: 500 },
    );
  });

  it('names the interface of a zone', () => {
    const [name, scope] =
      Object.entries(networkInterfaces())
        .flatMap(([key, list]) => (list ?? []).map((entry) => [key, entry.family === 'IPv6' ? entry.scopeid : 0] as const))
        .find(([, id]) => id !== 0) ?? [];
    const known = name === undefined ? '4294967295' : name;
    expect(decoded({ address: `fe80::1%${known}`, port: 1, family: 6 }).address).toBe(`fe80::1%${known}`);
    if (scope !== undefined) expect(decoded({ address: `fe80::1%${scope}`, port: 1, family: 6 }).address).toBe(`fe80::1%${name}`);
    expect(decoded({ address: 'fe80::1%no-such-interface', port: 1, family: 6 }).address).toBe('fe80::1');
  });

  it.each([
    { address: 'localhost', port: 1, family: 4 },
    { address: '::1', port: 1, family: 4 },
    { address: '1.2.3.4', port: 1, family: 6 },
    { address: '1.2.3.4', port: 65_536, family: 4 },
    { address: '1.2.3.4', port: -1, family: 4 },
    { address: '1.2.3.4', port: Number.NaN, family: 4 },
  ] as const)('has no form of $address port $port family $family', (address) => {
    expect(encodeSocketAddress(address)).toBeUndefined();
  });
});

describe('paths by socket address', () => {
  it('numbers remotes from 0 and finds them again', () => {
    const paths = new AddressPaths();
    const remotes: SocketAddress[] = [
      { address: '10.0.0.1', port: 1000, family: 4 },
      { address: '10.0.0.1', port: 1001, family: 4 },
      { address: '10.0.0.2', port: 1000, family: 4 },
      { address: '2001:db8::1', port: 1000, family: 6 },
      { address: '2001:db8::1%7', port: 1000, family: 6 },
    ];
    for (const round of [1, 2]) {
      expect([round, ...remotes.map((remote) => paths.path(words(remote), 0))]).toEqual([round, 0, 1, 2, 3, 4]);
    }
    expect(remotes.map((_, path) => paths.remote(path))).toEqual(remotes);
    expect(remotes.map((_, path) => paths.nameLength(path))).toEqual([16, 16, 16, 28, 28]);
    expect([-1, 5, 100_000].map((path) => [paths.remote(path), paths.nameLength(path)])).toEqual(Array(3).fill([undefined, 0]));
  });

  it('does not tell flow labels apart and does not send them', () => {
    const paths = new AddressPaths();
    const name = words({ address: '2001:db8::1', port: 9, family: 6 });
    expect(paths.path(name, 0)).toBe(0);
    name[1] = 0x0a0b0c;
    expect(paths.path(name, 0)).toBe(0);
    const labelled = new AddressPaths();
    labelled.path(name, 0);
    expect(labelled.names[1]).toBe(0);
  });

  it('takes no remote that nothing can be sent to', () => {
    const paths = new AddressPaths();
    expect(paths.path(words({ address: '10.0.0.1', port: 0, family: 4 }), 0)).toBe(NO_PATH);
    expect(paths.size).toBe(0);
  });

  it('is bounded', () => {
    const paths = new AddressPaths();
    const name = words({ address: '10.0.0.1', port: 1, family: 4 });
    for (let index = 0; index < MAX_PATHS; index++) {
      name[1] = index;
      expect(paths.path(name, 0) === index || index).toBe(true);
    }
    name[1] = -1;
    expect(paths.path(name, 0)).toBe(NO_PATH);
    expect(paths.size).toBe(MAX_PATHS);
    paths.forget(4711);
    expect(paths.path(name, 0)).toBe(4711);
    name[1] = 77;
    expect(paths.path(name, 0)).toBe(77);
  });

  it('agrees with a plain map under any sequence of datagrams and forgotten paths', () => {
    const pool = Array.from({ length: 40 }, (_, index): SocketAddress => {
      const port = 1000 + (index % 5);
      return index % 2 === 0
        ? { address: `10.0.0.${index >> 2}`, port, family: 4 }
        : { address: `2001:db8::${1 + (index >> 2)}`, port, family: 6 };
    });
    const step = fc.oneof(fc.record({ from: fc.nat(39) }), fc.record({ forget: fc.nat(45) }));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const paths = new AddressPaths();
        const model = new Map<number, string>();
        for (const one of steps) {
          if ('forget' in one) {
            paths.forget(one.forget);
            model.delete(one.forget);
            continue;
          }
          const remote = pool[one.from]!;
          const text = `${remote.address} ${remote.port}`;
          const path = paths.path(words(remote), 0);
          const known = [...model].find(([, name]) => name === text)?.[0];
          if (known === undefined) expect(model.has(path)).toBe(false);
          else expect(path).toBe(known);
          model.set(path, text);
        }
        expect(paths.size).toBe(model.size);
        for (const [path, text] of model) expect(`${paths.remote(path)?.address} ${paths.remote(path)?.port}`).toBe(text);
      }),
      { numRuns: 150 },
    );
  });
});
