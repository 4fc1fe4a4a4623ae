// SECURITY.md is true: every limit that it lists exists with that value, its test exists, no limit of the code is missing, and its links lead somewhere.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { findOption } from '../../packages/cli/src/options.ts';
import { PACKAGES } from '../lib/workspace.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const TEXT = readFileSync(join(ROOT, 'SECURITY.md'), 'utf8');

interface Row {
  readonly constant: string;
  readonly source: string;
  readonly value: number;
  readonly option: string;
  readonly test: string;
}

const ROWS: Row[] = [...TEXT.matchAll(/^\| [^|]+ \| \[`(\w+)`\]\(([^)]+)\) \| (\d+) \| ([^|]+) \| \[[^\]]+\]\(([^)]+)\) \|$/gm)].map(
  ([, constant = '', source = '', value, option = '', file = '']) => ({ constant, source, value: Number(value), option, test: file }),
);

/** The value that a source gives to a constant or, in a table of defaults, to a field. */
function valueIn(source: string, name: string): number | undefined {
  const text = readFileSync(join(ROOT, source), 'utf8');
  const found =
    text.match(new RegExp(`const ${name}(?:: \\w+)? = ([^;]+);`)) ?? text.match(new RegExp(`${name}: input\\.${name} \\?\\? ([^,]+),`));
  const expression = found?.[1]?.replaceAll('_', '') ?? '';
  if (!/^[0-9a-fx]+( \* [0-9]+)*$/.test(expression)) return undefined;
  return expression.split(' * ').reduce((product, factor) => product * Number(factor), 1);
}

/** Names of limits in the published packages that are none on what others can do. */
const NO_LIMITS_ON_OTHERS: Readonly<Record<string, string>> = {
  LATE_MOST: 'own heartbeats that wait for each other, in time',
  KERNEL_MOST: 'of own requests for random bytes',
  MAX_BYTES: 'of a memory that its owner chooses',
  MAX_DETACHED: 'of own reads from a connection while it has no session',
  MOST_BYTES: 'of an own address',
  MOST_BYTES_BSD: 'of an own address',
  MAX_GROUP: 'range of an option',
  AHEAD_MOST: 'of own tokens in a turn',
  COPIES_MOST: 'of own copies of a segment',
  EXPLAINED_MOST: 'share of own rounds',
  GAP_MOST: 'clamp of an estimate of mode auto',
  GROWTH_MOST: 'gain of mode auto',
  HELD_MOST: 'age of an estimate of mode auto',
  JITTER_MOST: 'clamp of an estimate of mode auto',
  KNOWN_LOSS_MOST: 'clamp of an estimate of mode auto',
  KNOWN_PACE_MOST: 'clamp of an estimate of mode auto',
  LOSS_MOST: 'clamp of an estimate of mode auto',
  OWN_COUNT_MOST: 'clamp of an estimate of mode auto',
  OWN_MOST: 'clamp of an estimate of mode auto',
  RATE_MOST: 'clamp of an estimate of mode auto',
  ROUND_TRIP_MOST: 'clamp of an estimate of mode auto',
  TAIL_MOST: 'of own copies behind the last segment',
  TRANSMISSIONS_MAX: 'of own transmissions',
  TURN_MOST: 'of own datagrams in a turn',
  VARIANCE_MOST: 'clamp of an estimate of mode auto',
  WAIT_MOST: 'of own sessions that wait for tokens, in time',
  MAX_SHARD_SIZE: 'follows from MAX_DATAGRAM',
  MAX_POOL_SLOTS: 'range of an option',
  MAX_BUFFER: 'range of an option',
  QPP_MAX_PADS: 'range of an option',
  RTO_MAX: 'of the protocol, in time',
  INTERVAL_MAX: 'range of an option',
  PROBE_LIMIT: 'of the protocol, in time',
  MTU_MAX: 'the same as MAX_DATAGRAM',
  MSS_MAX: 'follows from MTU_MAX',
  PACKET_SEGMENTS_MAX: 'follows from MTU_MAX',
  FRAGMENTS_MAX: 'of the protocol; a window grows to one more at most',
  COUNT_MAX: 'of a number',
  MAX_KEY_SIZE: 'of a cipher',
  MAX_IV_SIZE: 'of a cipher',
  MAX_KEY_BYTES: 'of a cipher',
  MAX_TABLE_BITS: 'of the own compressor',
  MAX_CHUNK: 'follows from MAX_COMPRESSED_BLOCK',
  MAX_READ: 'of own reads from connections',
  MAX_TRAIN: 'of what is sent at once',
  MAX_TRAIN_DATAGRAMS: 'of what is sent at once',
  LIMIT_TIME: 'of what is sent at once to a path that has refused it, in time',
  MOST_WAITING: 'batches for own sockets',
  MAX_SPARE: 'pieces kept for use again',
  MAX_TCP_KEEP_ALIVE: 'range of an option',
  MAX_MEMORY: 'of WebAssembly',
  PATIENCE_MOST: 'own patience, in time',
  UNLIMITED: 'range of an option',
  QUESTIONS_MOST: 'own questions without an answer',
  VAIN_MOST: 'own questions without an answer',
  MOST_PROBES: 'own segments sent again without an answer',
  MOST_SEGMENTS: 'of one call',
  MOST_AHEAD: 'of sequence numbers',
  FILTER_LIMIT: 'of an own filter',
};

function sources(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !file.includes('generated'))
    .map((file) => `${folder}/${file}`);
}

describe('the table of limits', () => {
  test('is there', () => {
    expect(ROWS.length).toBeGreaterThan(30);
    // No row that the pattern above has missed.
    const lines = TEXT.slice(TEXT.indexOf('## Limits')).match(/^\| .*\|$/gm) ?? [];
    expect(lines.length).toBe(ROWS.length + 1);
  });

  test.each(ROWS)('$constant is $value in $source, and tested', ({ constant, source, value, test: file }) => {
    expect(valueIn(source, constant)).toBe(value);
    expect(existsSync(join(ROOT, file))).toBe(true);
    expect(readFileSync(join(ROOT, file), 'utf8')).toMatch(/\b(test|it|describe|fc)\b/);
  });

  test('names flags that exist', () => {
    const flags = ROWS.flatMap(({ option }) => [...option.matchAll(/`--([\w-]+)`/g)].map(([, name = '']) => name));
    expect(flags.length).toBeGreaterThan(8);
    for (const name of flags) expect([name, findOption('server', name)?.name]).toEqual([name, name]);
  });

  test('has all limits of the published packages', () => {
    const published = Object.entries(PACKAGES as Record<string, { private: boolean }>).filter(([, { private: hidden }]) => !hidden);
    const missing: string[] = [];
    for (const [name] of published) {
      for (const source of sources(`packages/${name}/src`)) {
        const text = readFileSync(join(ROOT, source), 'utf8');
        for (const [, constant = ''] of text.matchAll(
          /^(?:export )?const ((?:[A-Z_]+_)?(?:MAX|MOST|LIMIT|BACKLOG)(?:_[A-Z_]+)?|REPLAY_\w+|UNLIMITED)\b/gm,
        )) {
          const listed = ROWS.some((row) => row.constant === constant) || Object.hasOwn(NO_LIMITS_ON_OTHERS, constant);
          if (!listed) missing.push(`${source}: ${constant}`);
        }
      }
    }
    expect(missing, 'a limit needs a row in SECURITY.md, or a reason in NO_LIMITS_ON_OTHERS').toEqual([]);
  });
});

test('every file that SECURITY.md names exists', () => {
  const links = [...TEXT.matchAll(/\]\(((?:packages|scripts|docs)\/[^)#]+)\)/g)].map(([, path = '']) => path);
  expect(links.length).toBeGreaterThan(60);
  expect(links.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
});

test('tags are compared whole: by OpenSSL, by @noble/ciphers, and in the kernel by one comparison of 128 bits', () => {
  const comparing = sources('packages/crypt/src').filter((source) => {
    const code = readFileSync(join(ROOT, source), 'utf8').replaceAll(/\/\/.*|\/\*[\s\S]*?\*\//g, '');
    return /tag\w*\[[^\]]*\] *(?:[!=]==?|\^)|(?:compare|equals?)\w*\([^)]*tag/i.test(code);
  });
  expect(comparing).toEqual([]);
  const kernel = readFileSync(join(ROOT, 'packages/crypt/assembly/kernel.ts'), 'utf8');
  const open = kernel.slice(kernel.indexOf('export function gcmOpen'));
  expect(open.slice(0, open.indexOf('\n}'))).toMatch(/v128\.xor\(tagOf\([\s\S]*if \(v128\.any_true\(difference\)\) return 0;/);
  // Whoever opens packets of this method does it by one of the three.
  const opening = sources('packages/crypt/src').filter((source) => /gcm-(batch-)?transform/.test(source));
  expect(opening.length).toBe(4);
  for (const source of opening)
    expect(readFileSync(join(ROOT, source), 'utf8')).toMatch(/setAuthTag|@noble\/ciphers|gcmOpen|native\/ffi|ffi\.ts/);
});
