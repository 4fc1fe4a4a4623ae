// The matrix and the special cases with real programs. A missing peer fails the run when CI=true and is skipped loudly
// elsewhere. KCPTUN_INTEROP_SEED picks another plan; KCPTUN_INTEROP_CASES=n runs n cases of it and nothing else.

import {
  type Ends,
  findPrograms,
  type Kind,
  Lanes,
  planCases,
  runCase,
  runLossy,
  runManyStreams,
  shortPlan,
  titleOf,
} from '@kcptun/interop';
import { expect, test } from 'vitest';
import { everything } from './share.ts';
import { suite } from './suite.ts';

const seed = Number(process.env['KCPTUN_INTEROP_SEED'] ?? 1);
const limit = process.env['KCPTUN_INTEROP_CASES'];
const plan = planCases(seed);
const cases = limit === undefined && everything ? plan : shortPlan(plan, Number(limit ?? 45));
const programs = await findPrograms();
const lanes = new Lanes(3);

process.stderr.write(`interop: ${cases.length} cases, seed ${seed}\n`);

const opposite: Ends[] = (['old', 'new'] as Kind[]).flatMap((go) => [
  { client: 'ours', server: go },
  { client: go, server: 'ours' },
]);

function lossTest(ends: Ends): void {
  test(`recovers from 8 % loss, ${ends.client} client and ${ends.server} server`, async () => {
    const { lost, recovered } = await lanes.run(() => runLossy(programs, ends));
    expect(lost.up).toBeGreaterThan(50);
    expect(lost.down).toBeGreaterThan(50);
    expect(recovered.client).toBeGreaterThan(10);
    expect(recovered.server).toBeGreaterThan(10);
  });
}

function streamsTest(ends: Ends): void {
  test(`carries 100 streams at once, ${ends.client} client and ${ends.server} server`, async () => {
    expect(await lanes.run(() => runManyStreams(programs, ends))).toBe(100);
  });
}

// Proves the harness: what fails here is no fault of ours.
if (limit === undefined)
  suite('Go with Go', [programs.goMissing], () => {
    test('old client and new server', () =>
      lanes.run(() =>
        runCase(
          programs,
          {
            peer: 'old client',
            crypt: 'salsa20',
            fec: '10/3 20/5',
            smuxver: 2,
            nocomp: false,
            mode: 'fast2',
            mtu: 1350,
            conn: 3,
            qpp: false,
            order: 'at-once',
          },
          'new',
        ),
      ));

    test('new client and new server', () =>
      lanes.run(() =>
        runCase(
          programs,
          {
            peer: 'new client',
            crypt: 'aes-128-gcm',
            fec: '20/5 20/5',
            smuxver: 2,
            nocomp: true,
            mode: 'manual',
            mtu: 1500,
            conn: 1,
            qpp: true,
            order: 'after-upload',
          },
          'new',
        ),
      ));

    lossTest({ client: 'new', server: 'old' });
    streamsTest({ client: 'old', server: 'new' });
  });

suite('matrix', [programs.goMissing, programs.oursMissing], () => {
  for (const planned of cases) test(titleOf(planned), () => lanes.run(() => runCase(programs, planned, 'ours')));
});

if (limit === undefined)
  suite('special cases', [programs.goMissing, programs.oursMissing], () => {
    for (const ends of opposite) {
      streamsTest(ends);
      lossTest(ends);
    }
  });
