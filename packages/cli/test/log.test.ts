// What log lines look like, and what a log file does when the disk does not play along.

import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLog, formatTime, LOG_LEVELS, LogFile, type LogLevel } from '@kcptun/cli';
import { describe, expect, onTestFinished, test } from 'vitest';

const TIME = new Date(2026, 0, 2, 3, 4, 5, 67);

function logInto(lines: string[], options: { readonly level?: LogLevel; readonly format?: 'go' | 'json' } = {}) {
  return createLog({ write: (line) => lines.push(line), now: () => TIME, ...options });
}

test("lines in the form of Go's logger", () => {
  const lines: string[] = [];
  const log = logInto(lines);
  log.debug('unseen');
  log.info('version: 1', { version: '1' });
  log.warn('two\nlines');
  log.error('three');
  expect(lines).toEqual(['2026/01/02 03:04:05 version: 1\n', '2026/01/02 03:04:05 WARNING: two lines\n', '2026/01/02 03:04:05 three\n']);
  expect(formatTime(new Date(2000, 11, 31, 0, 0, 0))).toBe('2000/12/31 00:00:00');
});

test('lines in JSON: time, level and msg first, then the fields, which cannot replace them', () => {
  const lines: string[] = [];
  logInto(lines, { format: 'json' }).warn('a "quoted"\nline', { event: 'e', sid: 3, ok: true, none: undefined, time: 'late', msg: 'x' });
  const time = TIME.toISOString();
  expect(lines).toEqual([`{"time":"${time}","level":"warn","msg":"a \\"quoted\\"\\nline","event":"e","sid":3,"ok":true}\n`]);
});

test.each(LOG_LEVELS)('level %s and what matters more', (level) => {
  const lines: string[] = [];
  const log = logInto(lines, { level, format: 'json' });
  for (const each of LOG_LEVELS) log[each](each);
  expect(lines.map((line) => JSON.parse(line).level)).toEqual(LOG_LEVELS.slice(LOG_LEVELS.indexOf(level)));
});

describe('a log file', () => {
  function newFolder(): string {
    const folder = mkdtempSync(join(tmpdir(), 'kcptun-log-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    return folder;
  }

  test('is appended to, with the mode 0666 less the umask', () => {
    const path = join(newFolder(), 'a.log');
    new LogFile(path, () => {}).write('one\n');
    new LogFile(path, () => {}).write('two\n');
    expect(readFileSync(path, 'utf8')).toBe('one\ntwo\n');
    if (process.platform !== 'win32') expect(statSync(path).mode & 0o777).toBe(0o666 & ~process.umask());
  });

  test('that cannot be opened is an error', () => {
    expect(() => new LogFile(join(newFolder(), 'no', 'a.log'), () => {})).toThrow('ENOENT');
  });

  test.skipIf(process.platform === 'win32')('goes on under its name after a rotation; without the folder the old one stays in use', () => {
    const complaints: string[] = [];
    const folder = newFolder();
    const path = join(folder, 'a.log');
    const file = new LogFile(path, (problem) => complaints.push(problem));
    file.write('one\n');
    renameSync(path, join(folder, 'a.log.1'));
    file.write('two\n');
    expect(file.reopen()).toBe(true);
    file.write('three\n');
    expect(readFileSync(join(folder, 'a.log.1'), 'utf8')).toBe('one\ntwo\n');
    expect(readFileSync(path, 'utf8')).toBe('three\n');
    renameSync(folder, `${folder}-moved`);
    onTestFinished(() => rmSync(`${folder}-moved`, { recursive: true, force: true }));
    expect(file.reopen()).toBe(false);
    file.write('four\n');
    expect(readFileSync(join(`${folder}-moved`, 'a.log'), 'utf8')).toBe('three\nfour\n');
    expect(complaints).toEqual([expect.stringMatching(/a\.log cannot be re-opened: ENOENT/)]);
  });

  test.skipIf(!existsSync('/dev/full'))('on a full disk: one complaint, no crash', () => {
    const complaints: string[] = [];
    const file = new LogFile('/dev/full', (problem) => complaints.push(problem));
    for (let count = 0; count < 5; count++) file.write('line\n');
    expect(complaints).toEqual([expect.stringMatching(/^the log file \/dev\/full takes no more: ENOSPC/)]);
  });
});
