// The small parts of the harness that need no program: counters, flags, lanes.

import { flagsFor, Lanes, parseSnmp, type Settings, sizesFor } from '@kcptun/interop';
import { describe, expect, test } from 'vitest';
import vectors from '../../testkit/vectors/snmp.json' with { type: 'json' };

const settings: Settings = {
  crypt: 'xor',
  clientFec: '20/5',
  serverFec: '0/0',
  smuxver: 1,
  nocomp: true,
  mode: 'manual',
  mtu: 500,
  conn: 3,
  qpp: true,
};

describe('parseSnmp', () => {
  test.each(Object.entries(vectors.sigusr1))('reads the line of %s', (_version, line) => {
    const counters = parseSnmp(line);
    expect(counters.get('BytesSent')).toBeGreaterThan(40);
    expect(counters.get('CurrEstab')).toBe(1);
    expect(counters.get('FECRecovered')).toBe(0);
  });

  test('refuses anything else', () => {
    expect(() => parseSnmp('hello')).toThrow(/no SNMP line/);
    expect(() => parseSnmp('KCP SNMP:&{A:1 B:x}')).toThrow(/B:x/);
  });
});

describe('flagsFor', () => {
  test('makes the command line of a client', () => {
    const flags = flagsFor({ kind: 'new', role: 'client', listen: 'h:1', forward: 'h:2' }, settings).join(' ');
    expect(flags).toContain('--localaddr h:1 --remoteaddr h:2 --conn 3');
    expect(flags).toContain('--crypt xor --mode manual --mtu 500 --datashard 20 --parityshard 5 --smuxver 1');
    expect(flags).toMatch(/--nodelay \d+ --interval \d+ --resend \d+ --nc \d+ --nocomp --QPP --QPPCount 61 --closewait 0$/);
  });

  test('makes the command line of a server, without what the old version lacks', () => {
    const plain = { ...settings, mode: 'fast', nocomp: false, qpp: false };
    const flags = flagsFor({ kind: 'old', role: 'server', listen: 'h:1', forward: 'h:2' }, plain).join(' ');
    expect(flags).toContain('--listen h:1 --target h:2 --key');
    expect(flags).toContain('--datashard 0 --parityshard 0');
    expect(flags).not.toMatch(/--(closewait|conn|nocomp|QPP|nodelay)/);
  });
});

test('most ciphers move 8 MiB', () => {
  expect(sizesFor('aes')).toEqual({ upload: 8 * 1024 * 1024, download: 8 * 1024 * 1024 });
  expect(sizesFor('3des').upload).toBeLessThan(8 * 1024 * 1024);
});

test('lanes bound how many jobs run, in order, and survive failures', async () => {
  const lanes = new Lanes(2);
  const events: string[] = [];
  const ends: (() => void)[] = [];
  const job = (name: string): Promise<void> =>
    lanes.run(async () => {
      events.push(`start ${name}`);
      await new Promise<void>((resolve) => ends.push(resolve));
      events.push(`end ${name}`);
      if (name === 'a') throw new Error('a failed');
    });
  const jobs = Promise.allSettled(['a', 'b', 'c'].map(job));
  expect(events).toEqual(['start a', 'start b']);
  ends[0]?.();
  // The third starts in a later microtask, once the first has failed.
  while (ends.length < 3) await Promise.resolve();
  ends[1]?.();
  ends[2]?.();
  expect((await jobs).map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'fulfilled']);
  expect(events.indexOf('start c')).toBeGreaterThan(events.indexOf('end a'));
});
