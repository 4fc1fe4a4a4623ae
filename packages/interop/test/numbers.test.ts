// Numbers that are out of range, against the Go program of 2026: what it works with and what not,
// and that ours work with it when they are given what it would have been given.

import { findPrograms, type Kind, Lanes, startTunnel, USUAL_SETTINGS } from '@kcptun/interop';
import { GO_NUMBERS, type GoNumber } from '@kcptun/testkit';
import { transfer } from '@kcptun/testkit/node';
import { expect, test } from 'vitest';
import { shareOf } from './share.ts';
import { suite } from './suite.ts';

const programs = await findPrograms();
const lanes = new Lanes(3);

const CLIENT_ONLY = ['conn', 'autoexpire', 'scavengettl'];

/** Whether two programs carry something, both with the same flags, or one of them. */
function carries(
  client: Kind,
  server: Kind,
  clientFlags: readonly string[],
  serverFlags: readonly string[],
  timeoutMs: number,
): Promise<boolean> {
  return lanes.run(async () => {
    const settings = { ...USUAL_SETTINGS, clientFlags, serverFlags };
    let tunnel: Awaited<ReturnType<typeof startTunnel>>;
    try {
      tunnel = await startTunnel({ programs, client, server, settings });
    } catch {
      return false; // one of them did not even start
    }
    try {
      await tunnel.during(transfer({ port: tunnel.port, upload: 20_000, download: 20_000, timeoutMs }));
      return true;
    } catch {
      return false;
    } finally {
      await tunnel.stop();
    }
  });
}

const options = Object.entries(GO_NUMBERS).map(([name, rows]) => [name, rows] as const);

suite(
  'numbers of the Go program',
  [programs.goMissing],
  () => {
    // What stalls there says nothing, and what must fail need not fail for long.
    test.each(shareOf(options, 6))('--%s', async (name, rows) => {
      const tried = rows.filter(({ go }) => go !== 'stalls');
      const results = tried.map(async (row): Promise<[GoNumber, boolean]> => {
        const flags = [...(row.flags ?? []), `--${name}=${row.value}`];
        const works = row.used !== undefined || row.go === 'takes';
        return [row, await carries('new', 'new', flags, CLIENT_ONLY.includes(name) ? (row.flags ?? []) : flags, works ? 20_000 : 1500)];
      });
      const expected = tried.map((row) => [row, row.used !== undefined || row.go === 'takes']);
      expect(await Promise.all(results)).toEqual(expected);
    });
  },
  'sequential',
);

suite(
  'numbers out of range in ours, with the Go program at the other end',
  [programs.goMissing, programs.oursMissing],
  () => {
    const own = options.filter(([name]) => name !== 'QPPCount');
    test.each(shareOf(own, 6))('--%s', async (name, rows) => {
      const tried = rows.filter(
        ({ value, used, flags = [] }) => used !== undefined && used !== value && (flags.length === 0 || flags[0] === '--mode=manual'),
      );
      // A flush every five seconds, and an end that is kept back, are not over in time.
      const soon = tried.filter(({ used = 0 }) => used < 5000 || !['interval', 'closewait'].includes(name));
      const results = soon.flatMap((row) => {
        const flags = [...(row.flags ?? []), `--${name}=${row.value}`];
        const asClient = carries('ours', 'new', flags, [], 20_000);
        return CLIENT_ONLY.includes(name) ? [asClient] : [asClient, carries('new', 'ours', [], flags, 20_000)];
      });
      expect(await Promise.all(results)).toEqual(results.map(() => true));
    });
  },
  'sequential',
);
