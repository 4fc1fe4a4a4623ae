// Who may read when more is there to be read than can be sent.

import { SimWorld } from '@kcptun/testkit';
import { expect, test } from 'vitest';
import { MAX_WAITING, PIECE, ReadAccount, ReadBudget, type Reader, ReadLine } from '../src/read-line.ts';

/** Readers whose pieces fill a budget. */
const FULL = MAX_WAITING / PIECE;

/** A connection that always has more, read a piece at a time; everything waits until `send`. */
class Source implements Reader {
  readonly account: ReadAccount;
  counted = 0;
  stalled = false;
  called = false;
  inLine = false;
  /** How often it was called. */
  calls = 0;
  /** Has nothing to read when it is called. */
  idle = false;
  /** What waits does so for the peer's reader. */
  blocked = false;
  readonly #line: ReadLine;

  constructor(line: ReadLine, account: ReadAccount) {
    this.#line = line;
    this.account = account;
  }

  read(): boolean {
    this.calls += 1;
    return true;
  }

  /** Reads a piece; returns whether it has to leave off then. */
  take(): boolean {
    this.#line.handleRead(this);
    this.#line.count(this, PIECE, this.blocked);
    return this.#line.holds(PIECE);
  }

  /** What it had read was sent: it wants to read again. */
  send(): void {
    this.#line.count(this, 0, false);
    this.#line.queue(this);
  }
}

/** A line on a clock of its own. */
function world(budget: ReadBudget = new ReadBudget()): {
  line: ReadLine;
  clock: SimWorld['clock'];
  source: (account?: ReadAccount) => Source;
} {
  const sim = new SimWorld({ seed: 1 });
  const line = new ReadLine(sim.host('10.0.0.1'), budget);
  const own = new ReadAccount();
  return { line, clock: sim.clock, source: (account = own) => new Source(line, account) };
}

test('holds nobody up while there is room', () => {
  const { line, source } = world();
  for (let count = 0; count < FULL - 1; count++) expect(source().take()).toBe(false);
  expect(source().take()).toBe(true);
  // A message of less than a frame never waits.
  expect(line.holds(1000)).toBe(false);
  expect(line.holds(8192)).toBe(true);
});

test('calls one reader for each piece that was sent, in the order in which they came', () => {
  const { source } = world();
  const holders = Array.from({ length: FULL + 1 }, () => source());
  for (const holder of holders) holder.take();
  const line = Array.from({ length: 300 }, () => source());
  for (const reader of line) reader.send();
  expect(line.every(({ calls }) => calls === 0)).toBe(true);
  const order: Source[] = [];
  for (let round = 0; round < 300; round++) {
    (holders.shift() as Source).send();
    for (const reader of line) {
      if (!reader.called) continue;
      order.push(reader);
      reader.take();
      holders.push(reader);
    }
    expect(holders.reduce((sum, { counted }) => sum + counted, 0)).toBeLessThanOrEqual(MAX_WAITING + PIECE);
  }
  expect(order.slice(0, 299)).toEqual(line.slice(0, 299));
});

test('who is called and has nothing to read keeps nobody waiting for more than two turns', () => {
  const { clock, source } = world();
  const holders = Array.from({ length: FULL }, () => source());
  for (const holder of holders) holder.take();
  const idle = Array.from({ length: 3 * FULL }, () => source());
  for (const reader of idle) reader.send();
  const last = source();
  last.send();
  for (const holder of holders) holder.send();
  expect(idle.filter(({ calls }) => calls > 0)).toHaveLength(FULL);
  expect(last.calls).toBe(0);
  clock.advanceBy(1);
  expect(last.calls).toBe(1);
});

test('what waits for the reader of its stream keeps nobody from reading', () => {
  const { line, clock, source } = world();
  for (let count = 0; count < 5 * FULL; count++) {
    const stalled = source();
    stalled.blocked = true;
    stalled.take();
  }
  // There is much to hold on to: who has a piece leaves off, but is called at once when that is sent.
  const reader = source();
  for (let round = 1; round <= 20; round++) {
    expect(reader.take()).toBe(true);
    reader.send();
    expect(reader.calls).toBe(round);
  }
  expect(line.crowded).toBe(true);
  clock.advanceBy(1);
});

test('a session that stands still keeps those that could move from reading for a second, and its own readers until it moves', () => {
  const { clock, source } = world();
  const dead = new ReadAccount();
  const holders = Array.from({ length: FULL }, () => source(dead));
  for (const holder of holders) holder.take();
  const own = [source(dead), source(dead), source(dead)];
  const reader = source();
  for (const each of [...own, reader]) each.send();
  clock.advanceBy(900);
  expect(reader.calls).toBe(0);
  clock.advanceBy(200);
  expect(reader.calls).toBe(1);
  expect(own.map(({ calls }) => calls)).toEqual([0, 0, 0]);
  // It moves: what waits for it counts again, and its readers have their turn.
  (holders[0] as Source).send();
  expect(own.map(({ calls }) => calls)).toEqual([1, 0, 0]);
  for (const holder of holders.slice(1)) holder.send();
  expect(own.map(({ calls }) => calls)).toEqual([1, 1, 1]);
});

test('sessions that all stand still between two bursts do not open the gate', () => {
  const { clock, source } = world();
  const accounts = Array.from({ length: 20 }, () => new ReadAccount());
  const holders = Array.from({ length: FULL }, (_, index) => source(accounts[index % 20]));
  for (const holder of holders) holder.take();
  const line = Array.from({ length: 900 }, (_, index) => source(accounts[index % 20]));
  for (const reader of line) reader.send();
  clock.advanceBy(10_000);
  expect(line.filter(({ calls }) => calls > 0)).toEqual([]);
  for (const holder of holders) holder.send();
  expect(line.filter(({ calls }) => calls > 0)).toHaveLength(FULL);
});

test('who leaves a session that stands still is called no more', () => {
  const { line, clock, source } = world();
  const dead = new ReadAccount();
  const holders = Array.from({ length: FULL }, () => source(dead));
  for (const holder of holders) holder.take();
  const own = [source(dead), source(dead)] as const;
  for (const each of [...own, source()]) each.send();
  clock.advanceBy(1500);
  line.leave(own[0]);
  for (const holder of holders) holder.send();
  expect(own.map(({ calls }) => calls)).toEqual([0, 1]);
  expect(dead).toMatchObject({ waiting: 0, stuck: false, parked: [] });
});

test('a session that moves keeps the others from reading for its turn', () => {
  const other = world();
  const slow = new ReadAccount();
  const holders = Array.from({ length: FULL + 1 }, () => other.source(slow));
  for (const holder of holders) holder.take();
  const patient = other.source();
  patient.send();
  // A sixteenth of what waits each quarter of a second.
  for (let round = 0; round < 8; round++) {
    for (const holder of holders.slice(round * 8, round * 8 + 8)) {
      holder.send();
      if (holder.called) holder.take();
    }
    other.clock.advanceBy(250);
  }
  expect(patient.calls).toBe(1);
});

test('a session alone has its line to itself, dead or not', () => {
  const { clock, source } = world();
  for (let count = 0; count < FULL; count++) source().take();
  const reader = source();
  reader.send();
  clock.advanceBy(60_000);
  expect(reader.calls).toBe(0);
});

test('lines share what may wait, and each has a piece', () => {
  const budget = new ReadBudget();
  const sim = new SimWorld({ seed: 1 });
  const host = sim.host('10.0.0.1');
  const sources = Array.from({ length: 1000 }, () => new Source(new ReadLine(host, budget), new ReadAccount()));
  expect((sources[0] as Source).take()).toBe(false);
  for (const source of sources.slice(1)) source.take();
  expect(budget.busy).toBe(1000);
  expect(budget.share).toBe(PIECE);
  for (const source of sources) source.send();
  expect(budget.busy).toBe(0);
  expect(sources.every(({ calls }) => calls === 1)).toBe(true);
});

test('a reader that leaves is called no more', () => {
  const { line, source } = world();
  const holders = Array.from({ length: FULL }, () => source());
  for (const holder of holders) holder.take();
  const [first, second] = [source(), source()];
  first.send();
  second.send();
  line.leave(first);
  (holders[0] as Source).send();
  expect([first.calls, second.calls]).toEqual([0, 1]);
});
