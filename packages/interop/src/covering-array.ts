// Pairwise test plans: a small set of rows in which every two values of any two dimensions meet at least once, as far as
// the rules allow it. Greedy: each row starts from a pair that is still missing and takes, dimension by dimension, the value
// that adds most new pairs; the best of several tries is kept. The same seed gives the same plan.

import { Random } from '@kcptun/testkit';

/** The values of each dimension of a row. */
export type Dimensions<Row> = { readonly [Name in keyof Row]: readonly Row[Name][] };

/** Options of {@link coveringArray}. */
export interface CoveringOptions<Row> {
  /** Decides between rows that are equally good. */
  readonly seed: number;
  /** Whether the values chosen so far may stand together; must not become true again by adding values. */
  readonly allows: (partial: Partial<Row>) => boolean;
}

const TRIES_PER_ROW = 20;

/** Makes a pairwise plan. */
export function coveringArray<Row extends object>(dimensions: Dimensions<Row>, options: CoveringOptions<Row>): Row[] {
  const plan = new Plan(dimensions, options);
  const rows: Row[] = [];
  while (plan.missing > 0) rows.push(plan.nextRow());
  return rows;
}

/** The pairs that are possible under the rules and stand in none of the rows, as text. Empty for a complete plan. */
export function uncoveredPairs<Row extends object>(
  dimensions: Dimensions<Row>,
  options: CoveringOptions<Row>,
  rows: readonly Row[],
): string[] {
  const plan = new Plan(dimensions, options);
  for (const row of rows) plan.cover(row);
  return plan.describeMissing();
}

interface Pair<Row> {
  readonly partial: Partial<Row>;
  readonly text: string;
}

class Plan<Row extends object> {
  readonly #dimensions: Dimensions<Row>;
  readonly #names: (keyof Row & string)[];
  readonly #allows: (partial: Partial<Row>) => boolean;
  readonly #random: Random;
  readonly #missing = new Map<string, Pair<Row>>();

  constructor(dimensions: Dimensions<Row>, options: CoveringOptions<Row>) {
    this.#dimensions = dimensions;
    this.#names = Object.keys(dimensions) as (keyof Row & string)[];
    this.#allows = options.allows;
    this.#random = new Random(options.seed);
    this.#findPairs();
  }

  /** Number of pairs that no row has yet. */
  get missing(): number {
    return this.#missing.size;
  }

  describeMissing(): string[] {
    return [...this.#missing.values()].map((pair) => pair.text);
  }

  /** Takes the pairs of a row off the list. */
  cover(row: Row): void {
    for (const key of this.#pairKeys(row)) this.#missing.delete(key);
  }

  /** Makes the row that adds most pairs among a few tries, and covers it. */
  nextRow(): Row {
    const missing = [...this.#missing.values()];
    let best: Row | undefined;
    let bestGain = 0;
    for (let attempt = 0; attempt < TRIES_PER_ROW; attempt++) {
      const row = this.#grow(this.#random.pick(missing).partial);
      const gain = this.#gain(row);
      if (gain > bestGain) {
        best = row;
        bestGain = gain;
      }
    }
    // A row holds at least the missing pair that it was grown from.
    const row = best as Row;
    this.cover(row);
    return row;
  }

  #findPairs(): void {
    for (const [index, first] of this.#names.entries()) {
      for (const second of this.#names.slice(index + 1)) {
        for (const [a, firstValue] of this.#dimensions[first].entries()) {
          for (const [b, secondValue] of this.#dimensions[second].entries()) {
            const partial = { [first]: firstValue, [second]: secondValue } as Partial<Row>;
            if (!this.#canComplete(partial)) continue;
            const text = `${first}=${String(firstValue)} with ${second}=${String(secondValue)}`;
            this.#missing.set(`${first} ${a} ${second} ${b}`, { partial, text });
          }
        }
      }
    }
  }

  #grow(start: Partial<Row>): Row {
    const row: Partial<Row> = { ...start };
    for (const name of this.#random.shuffle(this.#names)) {
      if (name in row) continue;
      let best: Row[typeof name] | undefined;
      let bestGain = -1;
      for (const value of this.#random.shuffle(this.#dimensions[name])) {
        const tried = { ...row, [name]: value };
        const gain = this.#gain(tried, name);
        if (gain > bestGain && this.#canComplete(tried)) {
          best = value;
          bestGain = gain;
        }
      }
      row[name] = best as Row[typeof name];
    }
    return row as Row;
  }

  /** Number of missing pairs that a row has; only those with dimension `name` when it is given. */
  #gain(row: Partial<Row>, name?: keyof Row & string): number {
    let gain = 0;
    for (const key of this.#pairKeys(row, name)) if (this.#missing.has(key)) gain += 1;
    return gain;
  }

  #pairKeys(row: Partial<Row>, only?: keyof Row & string): string[] {
    const keys: string[] = [];
    const present = this.#names.filter((name) => name in row);
    for (const [index, first] of present.entries()) {
      for (const second of present.slice(index + 1)) {
        if (only !== undefined && first !== only && second !== only) continue;
        const a = this.#dimensions[first].indexOf(row[first] as Row[typeof first]);
        const b = this.#dimensions[second].indexOf(row[second] as Row[typeof second]);
        keys.push(`${first} ${a} ${second} ${b}`);
      }
    }
    return keys;
  }

  /** Whether values for all other dimensions can be found; plain depth-first search, the rules are few. */
  #canComplete(partial: Partial<Row>): boolean {
    if (!this.#allows(partial)) return false;
    const open = this.#names.find((name) => !(name in partial));
    if (open === undefined) return true;
    return this.#dimensions[open].some((value) => this.#canComplete({ ...partial, [open]: value }));
  }
}
