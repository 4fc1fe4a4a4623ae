// Real programs with other shard counts at each end, over a path that loses 6 %. The old program breaks its streams when it gets
// parity that it counts differently: before this was mended, in 25 of 32 such transfers.

import { type Ends, findPrograms, Lanes, runShards, type Settings } from '@kcptun/interop';
import { expect, test } from 'vitest';
import { everything } from './share.ts';
import { suite } from './suite.ts';

const programs = await findPrograms();
const lanes = new Lanes(3);

/** Transfers of a pair; each takes about 5 s. */
const TRANSFERS = everything ? 20 : 2;
const OTHER_TRANSFERS = everything ? 5 : 1;

type Shards = Pick<Settings, 'clientFec' | 'serverFec'>;

const UNEQUAL: readonly Shards[] = [
  { clientFec: '20/5', serverFec: '10/3' },
  { clientFec: '10/3', serverFec: '20/5' },
];

/** The line of an end of ours that sends with the peer's counts. */
const FOLLOWS = /the peer sends (\d+\+\d+ shards: so|no parity: nor) do we now/g;

function shardsTest(ends: Ends, shards: Shards, transfers: number, lines: readonly number[]): void {
  const title = `${ends.client} client ${shards.clientFec}, ${ends.server} server ${shards.serverFec}: ${transfers} transfers`;
  test(title, { timeout: transfers * 30_000 }, async () => {
    const seeds = Array.from({ length: transfers }, (_, index) => index + 1);
    const outputs = await Promise.all(seeds.map((seed) => lanes.run(() => runShards(programs, ends, shards, seed))));
    for (const output of outputs) expect(lines).toContain([...output.matchAll(FOLLOWS)].length);
  });
}

const needed = [programs.goMissing, programs.oursMissing];

function withOld(): void {
  for (const shards of UNEQUAL) {
    shardsTest({ client: 'ours', server: 'old' }, shards, TRANSFERS, [1]);
    shardsTest({ client: 'old', server: 'ours' }, shards, TRANSFERS, [1]);
  }
  shardsTest({ client: 'ours', server: 'old' }, { clientFec: '10/3', serverFec: '0/0' }, OTHER_TRANSFERS, [1]);
  shardsTest({ client: 'old', server: 'ours' }, { clientFec: '0/0', serverFec: '10/3' }, OTHER_TRANSFERS, [1]);
}

function withLearners(): void {
  for (const shards of UNEQUAL) {
    shardsTest({ client: 'ours', server: 'new' }, shards, OTHER_TRANSFERS, [1]);
    shardsTest({ client: 'new', server: 'ours' }, shards, OTHER_TRANSFERS, [1]);
    shardsTest({ client: 'ours', server: 'ours' }, shards, OTHER_TRANSFERS, [0, 1]);
  }
}

suite('unequal shards, with the program of 2021', needed, withOld, 'sequential');
suite('unequal shards, with peers that learn them', needed, withLearners, 'sequential');
