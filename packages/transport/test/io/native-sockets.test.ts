// Both backends, the same suite.

import { describe, expect, it } from 'vitest';
import { datagramCompliance } from './native-compliance.ts';
import { World } from './native-world.ts';

datagramCompliance('dgram', false);

const wanted = process.env['KCPTUN_NO_NATIVE'] !== '1';
const { obstacle } = new World(wanted).backend;

if (obstacle === undefined) {
  datagramCompliance('native', true);
} else {
  describe('datagrams by native code', () => {
    it.skip(`NOT TESTED HERE: ${obstacle}`, () => {});
  });
}

describe('selection of the datagram backend', () => {
  const supported = process.platform === 'linux' && (process.arch === 'x64' || process.arch === 'arm64');

  it.runIf(process.env['CI'] === 'true' && supported && wanted)('is native where a release claims it', () => {
    expect(obstacle).toBeUndefined();
  });

  it('says which one works', async () => {
    for (const native of [false, wanted]) {
      const world = new World(native);
      const station = await world.open();
      expect(station.socket.backend).toMatch(world.backend.obstacle === undefined ? /^native( \((GSO|GRO|GSO, GRO)\))?$/ : /^dgram$/);
      world.close();
    }
    expect(new World(false).backend.obstacle).toBe('switched off');
  });

  it.runIf(obstacle === undefined)('falls back when there is no memory for received bytes', async () => {
    const world = new World(true, new (await import('@kcptun/common')).Arena({ byteLength: 65_536 }));
    expect(world.backend.obstacle).toMatch(/arena of 65536 bytes is full/);
  });
});
