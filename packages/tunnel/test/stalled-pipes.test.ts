// Which pipes give way when too much waits for readers who may never come.

import { expect, test } from 'vitest';
import { MAX_STALLED, STALL_PATIENCE, StalledPipes } from '../src/stalled-pipes.ts';

const MIB = 1024 * 1024;

interface Stub {
  readonly link: object;
  stalledBytes: number;
}

test('nothing, while there is room', () => {
  const pipes = new StalledPipes<Stub>();
  for (let made = 0; made < 64; made++) pipes.note({ link: {}, stalledBytes: MAX_STALLED / 64 }, 0);
  expect(pipes.choose(100 * STALL_PATIENCE)).toEqual([]);
});

test('the longest of the session that keeps most, and no more than needed', () => {
  const pipes = new StalledPipes<Stub>();
  const [modest, greedy] = [{}, {}];
  const old = { link: modest, stalledBytes: MIB };
  pipes.note(old, 0);
  const many = Array.from({ length: 66 }, (_, at) => {
    const pipe = { link: greedy, stalledBytes: MIB };
    pipes.note(pipe, 1 + at);
    return pipe;
  });
  expect(pipes.choose(STALL_PATIENCE + 66)).toEqual(many.slice(0, 3));
  expect(pipes.choose(STALL_PATIENCE + 66, 0, 1)).toEqual(many.slice(0, 1));
});

test('nobody who has moved within a minute, and nobody who is over', () => {
  const pipes = new StalledPipes<Stub>();
  const [slow, done, still] = [
    { link: {}, stalledBytes: 3 * MIB },
    { link: {}, stalledBytes: 2 * MIB },
    { link: {}, stalledBytes: MIB },
  ];
  for (const pipe of [slow, done, still]) pipes.note(pipe, 0);
  slow.stalledBytes -= 1;
  pipes.note(slow, STALL_PATIENCE);
  pipes.forget(done);
  expect(pipes.choose(STALL_PATIENCE + 1, 0)).toEqual([still]);
  still.stalledBytes = 0;
  expect(pipes.choose(STALL_PATIENCE + 1, 0)).toEqual([]);
  expect(pipes.size).toBe(1);
});
