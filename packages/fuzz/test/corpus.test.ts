// Every input that the fuzzer has kept runs again, with a little fresh fuzzing behind it; and the fuzzer itself finds what is there to find.

import { runInThisContext } from 'node:vm';
import { Random } from '@kcptun/testkit';
import { describe, expect, onTestFinished, test } from 'vitest';
import { readCorpus } from '../src/corpus.ts';
import { Coverage } from '../src/coverage.ts';
import { fuzz } from '../src/engine.ts';
import { mutate } from '../src/mutate.ts';
import { type FuzzTarget, insist } from '../src/target.ts';
import { TARGETS } from '../src/targets/index.ts';

const FRESH = 300;

describe.each(TARGETS.map((target) => [target.name, target] as const))('%s', (_, target) => {
  const corpus = readCorpus(target.name);

  test('has a corpus, and no input of it breaks a rule', () => {
    expect(corpus.length).toBeGreaterThan(10);
    for (const input of corpus) target.run(input.slice());
  });

  test('nor do changes of them', () => {
    const seed = Date.now() % 1_000_000;
    const random = new Random(seed);
    for (let count = FRESH * target.share; count > 0; count--) {
      const input = mutate(random, corpus, target.maxLength);
      try {
        target.run(input.slice());
      } catch (error) {
        throw new Error(`seed ${seed}, input ${Buffer.from(input).toString('base64')}`, { cause: error });
      }
    }
  });
});

/** Breaks for inputs that begin with three certain bytes, each of which is code of its own. */
const planted: FuzzTarget = {
  name: 'planted',
  maxLength: 64,
  share: 1,
  seeds: [Uint8Array.of(1, 2, 3, 4)],
  run(input) {
    if (input[0] === 0x4b) reached.add(1);
    if (input[0] === 0x4b && input[1] === 0x43) reached.add(2);
    insist(!(input[0] === 0x4b && input[1] === 0x43 && input[2] === 0x50), 'planted');
  },
};
const reached = new Set<number>();

/** Says of each input which depth it reached: what the real coverage says of code. */
class PlantedCoverage {
  #known = 0;
  take(): number {
    const added = Math.max(0, reached.size - this.#known);
    this.#known = Math.max(this.#known, reached.size);
    reached.clear();
    return added;
  }
  reachesNew(): boolean {
    const news = reached.size > this.#known;
    reached.clear();
    return news;
  }
  skip(): void {
    reached.clear();
  }
  stop(): void {
    throw new Error('all runs are watched');
  }
}

test('coverage leads to a bug that three bytes hide, and the input comes back short', () => {
  const { failure, executions } = fuzz({
    target: planted,
    coverage: new PlantedCoverage(),
    corpus: [],
    seed: 5,
    executions: 3_000_000,
    guided: 3_000_000,
  });
  expect(failure?.error).toMatchObject({ message: 'broken rule: planted' });
  expect(failure?.input).toEqual(Uint8Array.of(0x4b, 0x43, 0x50));
  expect(executions).toBeLessThan(3_000_000);
});

test('the inputs that are given stay in the corpus, though they reach nothing', () => {
  const given = [Uint8Array.of(9), Uint8Array.of(8, 8)];
  const { corpus } = fuzz({ target: planted, coverage: new PlantedCoverage(), corpus: given, seed: 5, executions: 1, guided: 1 });
  expect(corpus.slice(0, 2)).toEqual(given);
});

describe('coverage', () => {
  test('sees each piece of code once, of our own modules alone', () => {
    const source = '(input) => { if (input > 5) { return 1; } return 2; }';
    const ours = runInThisContext(source, { filename: '/packages/planted/src/planted.js' }) as (input: number) => number;
    const others = runInThisContext(`${source};`, { filename: '/packages/testkit/src/planted.js' }) as (input: number) => number;
    const coverage = new Coverage(/\/packages\/planted\/src\//);
    onTestFinished(() => coverage.stop());
    coverage.skip();
    others(1);
    expect(coverage.take()).toBe(0);
    ours(1);
    expect(coverage.reachesNew()).toBe(true);
    ours(1);
    expect(coverage.take()).toBeGreaterThan(0);
    ours(1);
    expect(coverage.reachesNew()).toBe(false);
    const before = coverage.size;
    ours(6);
    expect(coverage.take()).toBeGreaterThan(0);
    expect(coverage.size).toBeGreaterThan(before);
    ours(6);
    ours(1);
    expect(coverage.take()).toBe(0);
  });
});
