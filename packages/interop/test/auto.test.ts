// Our end in `--mode auto`, which decides by itself what leaves when, opposite of real programs that know nothing of it.

import {
  type Ends,
  findPrograms,
  Lanes,
  type PlannedCase,
  runCase,
  runLossy,
  runManyStreams,
  titleOf,
  USUAL_SETTINGS,
} from '@kcptun/interop';
import { expect, test } from 'vitest';
import { shareOf } from './share.ts';
import { suite } from './suite.ts';

const programs = await findPrograms();
const lanes = new Lanes(3);

const USUAL: PlannedCase = { ...USUAL_SETTINGS, peer: 'new server', fec: '10/3 10/3', order: 'after-upload' };
const PEERS = ['old client', 'old server', 'new client', 'new server'] as const;
const FECS = ['10/3 10/3', '20/5 20/5', '0/0 0/0', '10/3 20/5', '20/5 0/0'] as const;

/** Every FEC setting with every peer, and beside it settings that change what a packet holds. */
const CASES: PlannedCase[] = PEERS.flatMap((peer) => [
  // Without FEC of its own the old server makes up packets of what it takes for 1+1.
  ...FECS.filter((fec) => peer !== 'old server' || fec !== '20/5 0/0').map((fec) => ({ ...USUAL, peer, fec })),
  { ...USUAL, peer, smuxver: 1 as const, order: 'at-once' as const, mtu: 500 },
  { ...USUAL, peer, crypt: 'salsa20', nocomp: true, conn: 3, order: 'at-once' as const },
]);
CASES.push(...(['new client', 'new server'] as const).map((peer) => ({ ...USUAL, peer, qpp: true, crypt: 'aes-128-gcm' })));

const ENDS: readonly Ends[] = [
  { client: 'ours', server: 'old' },
  { client: 'old', server: 'ours' },
  { client: 'ours', server: 'new' },
  { client: 'new', server: 'ours' },
  { client: 'ours', server: 'ours' },
];

suite('mode auto', [programs.goMissing, programs.oursMissing], () => {
  for (const planned of shareOf(CASES, 4))
    test(titleOf(planned), () => lanes.run(() => runCase(programs, planned, 'ours', { auto: true })));

  for (const ends of shareOf(ENDS, 2)) {
    const title = `${ends.client} client, ${ends.server} server`;
    test(`carries 100 streams at once, ${title}`, async () => {
      expect(await lanes.run(() => runManyStreams(programs, ends, { auto: true }))).toBe(100);
    });

    test.each(['10/3', '0/0'])(`moves bytes both ways over a path that loses 8 %, ${title}, fec %s`, async (fec) => {
      const settings = { auto: true, clientFec: fec, serverFec: fec };
      const { lost } = await lanes.run(() => runLossy(programs, ends, settings));
      expect(lost.up).toBeGreaterThan(50);
      expect(lost.down).toBeGreaterThan(50);
    });
  }
});
