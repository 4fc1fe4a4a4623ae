// What one path does must not change another: a client whose path has a small MTU, beside one whose
// path has not.

import { join } from 'node:path';
import type { CapturedPacket } from '@kcptun/interop';
import { transfer } from '@kcptun/testkit/node';
import { expect, test } from 'vitest';
import { PORT, remoteOf, startFar, startNear, suite } from './machines.ts';

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
