// What one path does must not change another: a client whose path has a small MTU, beside one whose
// path has not. And a server with several addresses, called at one that its route does not choose.

import { join } from 'node:path';
import type { CapturedPacket, Kind, NetworkPair } from '@kcptun/interop';
import { transfer } from '@kcptun/testkit/node';
import { expect, test } from 'vitest';
import { PORT, programs, remoteOf, startFar, startNear, suite } from './machines.ts';

const SIZE = 4 * 1024 * 1024;
const FLAGS = ['--nocomp', '--crypt', 'aes-128-gcm', '--datashard', '0', '--parityshard', '0'];
/** Payload of the longest datagram; what is longer on the cable is a train, not yet cut. */
const LONGEST = 1500;

/** The longest payload, in bytes, that went to the client. */
function longest(packets: readonly CapturedPacket[]): number {
  return Math.max(...packets.filter(({ sourcePort }) => sourcePort === PORT).map(({ length }) => length));
}

suite('segmentation offload', [], () => {
  test('stays on for a client when the path of another has a small MTU', async () => {
    const world = await startFar('ours', FLAGS);
    const { pair, server } = world;
    pair.run('far', 'ip', '-6', 'route', 'add', `${pair.address('near', 6)}/128`, 'dev', 'v0', 'mtu', 'lock', '1280');
    const small = { ...world, path: join(pair.folder, 'small') };
    await startNear(world, remoteOf(pair, 4, String(PORT)), FLAGS);
    await startNear(small, remoteOf(pair, 6, String(PORT)), FLAGS);
    const download = async (path: string): Promise<number> => {
      const end = await pair.capture('far', `udp port ${PORT}`);
      await server.during(transfer({ path, port: 0, upload: 0, download: SIZE }));
      return longest(await end());
    };
    expect(await download(world.path)).toBeGreaterThan(LONGEST);
    // Its datagrams are cut on their way: each fits into the MTU.
    expect(await download(small.path)).toBeLessThanOrEqual(LONGEST);
    expect(await download(world.path)).toBeGreaterThan(LONGEST);
    const said = server.output.split('\n').filter((line) => line.includes('longer than the MTU') || line.includes('offload'));
    expect(said).toEqual([expect.stringMatching(/udp: send E[A-Z]+ to .*: .* it gets them one by one for 60 s/)]);
  });
});

const ADDRESSES = { 4: '10.9.0.12', 6: 'fd09::12' } as const;
const NO_NATIVE = { KCPTUN_NO_NATIVE: '1' };

/** Gives the server's machine second addresses, which its route to the client does not choose. */
function addAddresses(pair: NetworkPair): void {
  pair.run('far', 'ip', 'addr', 'add', `${ADDRESSES[4]}/24`, 'dev', 'v0');
  pair.run('far', 'ip', 'addr', 'add', `${ADDRESSES[6]}/64`, 'dev', 'v0', 'nodad', 'preferred_lft', '0');
}

function called(family: 4 | 6, ports = String(PORT)): string {
  return family === 4 ? `${ADDRESSES[4]}:${ports}` : `[${ADDRESSES[6]}]:${ports}`;
}

/** Addresses that answers came from. */
function sources(packets: readonly CapturedPacket[]): string[] {
  return [...new Set(packets.filter(({ sourcePort }) => sourcePort >= PORT && sourcePort < PORT + 10).map(({ source }) => source))];
}

const SMALL = { port: 0, upload: 50_000, download: 50_000 };
const HEX = 'fd090000000000000000000000000012';

interface Pairing {
  readonly client: Kind;
  readonly server: Kind;
  readonly family: 4 | 6;
  readonly clientEnv?: Record<string, string>;
  readonly serverEnv?: Record<string, string>;
  /** Whether answers leave from the address that was called. */
  readonly same: boolean;
}

async function runCalled({ client, server, family, clientEnv = {}, serverEnv = {}, same }: Pairing): Promise<void> {
  const world = await startFar(server, [], `:${PORT}`, serverEnv);
  addAddresses(world.pair);
  const end = await world.pair.capture('near', `udp port ${PORT}`);
  const near = await startNear(world, called(family), [], client, clientEnv);
  await near.during(transfer({ path: world.path, ...SMALL, order: 'at-once' }));
  const own = family === 4 ? ADDRESSES[4] : HEX;
  expect(sources(await end()).every((source) => (source === own) === same)).toBe(true);
}

suite('a server for all addresses that is called at its second', [], () => {
  test.each<Pairing>([
    { client: 'ours', server: 'ours', family: 4, same: true },
    { client: 'ours', server: 'ours', family: 6, same: true },
    { client: 'ours', server: 'ours', family: 4, clientEnv: NO_NATIVE, same: true },
    { client: 'ours', server: 'ours', family: 4, serverEnv: NO_NATIVE, same: false },
    { client: 'ours', server: 'ours', family: 6, serverEnv: NO_NATIVE, same: false },
    { client: 'ours', server: 'ours', family: 4, clientEnv: NO_NATIVE, serverEnv: NO_NATIVE, same: false },
  ])('%o', runCalled);

  test('answers on each port of a range, over fake TCP too', async () => {
    const ports = `${PORT}-${PORT + 2}`;
    const world = await startFar('ours', ['--tcp'], `:${ports}`);
    addAddresses(world.pair);
    const end = await world.pair.capture('near', 'tcp or udp');
    for (const [index, [family, flags]] of (
      [
        [4, []],
        [6, []],
        [4, ['--tcp']],
        [6, ['--tcp']],
      ] as const
    ).entries()) {
      const path = join(world.pair.folder, `client${index}`);
      const client = await startNear({ ...world, path }, called(family, ports), [...flags, '--conn', '4']);
      for (let round = 0; round < 4; round++) await client.during(transfer({ path, ...SMALL, seed: round }));
    }
    expect(sources(await end()).sort()).toEqual([ADDRESSES[4], HEX]);
  });
});

suite('a server for all addresses that is called at its second, with the Go programs', [programs.goMissing], () => {
  test.each<Pairing>([
    { client: 'ours', server: 'new', family: 4, same: false },
    { client: 'ours', server: 'old', family: 6, same: false },
    { client: 'ours', server: 'old', family: 4, clientEnv: NO_NATIVE, same: false },
    { client: 'new', server: 'ours', family: 4, same: true },
    { client: 'new', server: 'ours', family: 6, same: true },
  ])('%o', runCalled);
});
