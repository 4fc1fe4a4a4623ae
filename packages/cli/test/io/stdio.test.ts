// Programs whose terminal, reader or disk goes away: they end in order, when they should, and only then.
// The terminals are real: `script` makes them, and takes them away when it is killed.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { mainOf, newFolder, type Side, until } from './programs.ts';

const SIDES: readonly Side[] = ['client', 'server'];
const withTerminal = describe.skipIf(spawnSync('script', ['--version']).error !== undefined);

const FLAGS: Readonly<Record<Side, string>> = {
  client: '-l 127.0.0.1:0 -r 127.0.0.1:9 --key k',
  server: '-l 127.0.0.1:0 -t 127.0.0.1:9 --key k',
};

/** A shell script that runs in a terminal of its own, and outlives it. */
class InTerminal {
  readonly folder: string = newFolder();
  readonly #script: ChildProcess;

  /** @param commands - `$folder` is the folder of the test; the exit code of the last one is kept */
  constructor(commands: string) {
    const file = join(this.folder, 'run.sh');
    // Node takes the signal although the shell ignores it.
    writeFileSync(file, `trap '' HUP\nfolder='${this.folder}'\n${commands}\necho $? > "$folder/code"\n`);
    this.#script = spawn('script', ['-qfec', `sh '${file}'`, join(this.folder, 'output')], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
    });
    onTestFinished(() => this.closeTerminal());
  }

  /** What the terminal shows, or a file of the folder holds. */
  read(name = 'output'): string {
    const path = join(this.folder, name);
    return existsSync(path) ? readFileSync(path, 'utf8') : '';
  }

  /** Waits until the terminal has shown something. */
  async shows(pattern: RegExp, name = 'output'): Promise<void> {
    await until(() => pattern.test(this.read(name)), `${pattern} in ${name}:\n${this.read(name)}`);
  }

  closeTerminal(): void {
    this.#script.kill('SIGKILL');
  }

  /** The exit code of the last command. */
  async code(): Promise<number> {
    await until(() => this.read('code') !== '', 'the program to end');
    return Number(this.read('code'));
  }
}

/** A command that is told of the end of the terminal as shells do it. */
const asJob = (command: string): string =>
  `${command} &\npid=$!\ntrap 'kill -HUP $pid' HUP\nwait $pid\nwhile kill -0 $pid 2>/dev/null; do wait $pid; done\nwait $pid`;

const node = (side: Side, flags: string): string => `'${process.execPath}' '${mainOf(side)}' ${flags}`;

withTerminal('a terminal that goes away', () => {
  test.each(SIDES)('ends kcptun-%s in order, with a log file too', async (side) => {
    const plain = new InTerminal(asJob(node(side, FLAGS[side])));
    const logging = new InTerminal(asJob(node(side, `${FLAGS[side]} --log "$folder/log"`)));
    await Promise.all([plain.shows(/memory at worst/), logging.shows(/memory at worst/, 'log')]);
    plain.closeTerminal();
    logging.closeTerminal();
    expect(await Promise.all([plain.code(), logging.code()])).toEqual([0, 0]);
    expect(logging.read('log')).toMatch(/SIGTERM: open streams: 0, stopping[\s\S]*stopped/);
  });

  test.each([
    ['--help', '--help', 0],
    ['a mistake', '--no-such-flag', 2],
    ['an address that cannot be had', '-l 192.0.2.1:1 -r 127.0.0.1:9 --key k', 1],
  ])('before the start, then %s', async (_what, flags, code) => {
    const late = new InTerminal(`echo ready\nwhile [ ! -e "$folder/go" ]; do sleep 0.05; done\n${node('client', flags)}`);
    await late.shows(/ready/);
    late.closeTerminal();
    writeFileSync(join(late.folder, 'go'), '');
    expect(await late.code()).toBe(code);
  });

  test('does not end what nohup has started', async () => {
    const kept = new InTerminal(
      `nohup ${node('client', FLAGS.client)} > "$folder/log" 2>&1 < /dev/null & echo $! > "$folder/pid"; wait $!`,
    );
    await kept.shows(/memory at worst/, 'log');
    kept.closeTerminal();
    const pid = Number(kept.read('pid'));
    process.kill(pid, 'SIGHUP');
    await kept.shows(/SIGHUP: nothing to do/, 'log');
    expect(kept.read('code')).toBe('');
    process.kill(pid, 'SIGTERM');
    await kept.shows(/stopped/, 'log');
  });
});

withTerminal('SIGHUP', () => {
  test('in a terminal that is still there ends nothing', async () => {
    const run = new InTerminal(`${node('client', FLAGS.client)} & echo $! > "$folder/pid"; wait $!`);
    await run.shows(/memory at worst/);
    process.kill(Number(run.read('pid')), 'SIGHUP');
    await run.shows(/SIGHUP: nothing to do/);
    // Longer than the time after which the terminal is looked for again.
    await new Promise((resolve) => setTimeout(resolve, 1500));
    expect(run.read('code')).toBe('');
    process.kill(Number(run.read('pid')), 'SIGTERM');
    expect(await run.code()).toBe(0);
  });
});

describe('without a place to write to', () => {
  const endings: readonly (readonly [string, string, number])[] = [
    ['--help', '--help', 0],
    ['--version', '--version', 0],
    ['a mistake', '--no-such-flag', 2],
    ['an address that cannot be had', '-l 192.0.2.1:1 -r 127.0.0.1:9 --key k', 1],
  ];
  const places = ['>&-', '2>&-', '<&-', '<&- >&- 2>&-', '>/dev/full 2>/dev/full', '2>&1 | true'];
  test.each(endings)('%s ends with its code', async (_what, flags, code) => {
    const codes = await Promise.all(
      places.map(async (place) => {
        const [redirection, pipe] = place.split('|');
        const folder = newFolder();
        const command = `{ ${node('client', flags)} ${redirection}; echo $? > '${folder}/code'; }${pipe === undefined ? '' : `|${pipe}`}`;
        const shell = spawn('sh', ['-c', command], { stdio: 'ignore' });
        await once(shell, 'exit');
        await until(() => existsSync(join(folder, 'code')) && readFileSync(join(folder, 'code'), 'utf8') !== '', 'the code');
        return Number(readFileSync(join(folder, 'code'), 'utf8'));
      }),
    );
    expect(codes).toEqual(places.map(() => code));
  });

  test('a reader who does not read holds nothing up, and a stop is a stop', async () => {
    const child = spawn(process.execPath, [mainOf('client'), ...FLAGS.client.split(' '), '--log-format', 'json'], { stdio: 'pipe' });
    onTestFinished(() => void child.kill('SIGKILL'));
    child.stderr.setEncoding('utf8');
    let text = '';
    child.stderr.on('data', (part: string) => {
      text += part;
    });
    await until(() => text.includes('memory at worst'), 'the start');
    child.stderr.pause();
    const exited = once(child, 'exit');
    // Each is two lines of some hundred bytes: more than a pipe holds.
    for (let count = 0; count < 300; count++) {
      child.kill('SIGUSR1');
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    child.kill('SIGTERM');
    expect(await exited).toEqual([0, null]);
  });

  test('a full disk ends nothing', async () => {
    const folder = newFolder();
    const command = `${node('client', FLAGS.client)} -l '${folder}/app.sock' 2>/dev/full & echo $! > '${folder}/pid'; wait $!`;
    const shell = spawn('sh', ['-c', command], { stdio: 'ignore' });
    const exited = once(shell, 'exit');
    await until(() => existsSync(join(folder, 'app.sock')), 'the start');
    process.kill(Number(readFileSync(join(folder, 'pid'), 'utf8')), 'SIGTERM');
    expect(await exited).toEqual([0, null]);
  });
});

test.each(SIDES)('kcptun-%s whose input is a device ends in order when descriptors are opened in its last moment', async (side) => {
  const preload = join(newFolder(), 'late.cjs');
  // Behind the hook of the program: as the firewall of fake TCP does.
  const late = `process.on('exit', () => require('node:child_process').spawnSync('true'))`;
  writeFileSync(preload, `process.once('SIGTERM', () => { ${late}; });\n`);
  const child = spawn(process.execPath, ['--require', preload, mainOf(side), ...FLAGS[side].split(' ')], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  let text = '';
  child.stderr.setEncoding('utf8').on('data', (part: string) => {
    text += part;
  });
  await until(() => text.includes('memory at worst'), 'the start');
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  expect(await exited, text).toEqual([0, null]);
});

test('--log /dev/stdout writes to a standard output that is a socket', async () => {
  // What Node gives a child as a pipe is a socket, which cannot be opened by its name.
  const args = [mainOf('client'), ...FLAGS.client.split(' '), '--log', '/dev/stdout'];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  let [out, error] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (part: string) => {
    out += part;
  });
  child.stderr.setEncoding('utf8').on('data', (part: string) => {
    error += part;
  });
  await until(() => out.includes('memory at worst') || child.exitCode !== null, 'the start');
  expect(error).toBe('');
  expect(out).toMatch(/memory at worst/);
});

test('a debugger that SIGUSR1 has opened before the program could take the signal is closed', async () => {
  const folder = newFolder();
  const preload = join(folder, 'signal.cjs');
  writeFileSync(preload, `process.kill(process.pid, 'SIGUSR1');\nwhile (require('node:inspector').url() === undefined);\n`);
  const env = { ...process.env, NODE_OPTIONS: `--inspect-port=0 --require ${preload}` };
  const child = spawn(process.execPath, [mainOf('client'), ...FLAGS.client.split(' ')], { stdio: ['ignore', 'ignore', 'pipe'], env });
  onTestFinished(() => void child.kill('SIGKILL'));
  let text = '';
  child.stderr.setEncoding('utf8').on('data', (part: string) => {
    text += part;
  });
  await until(() => text.includes('memory at worst'), 'the start');
  const port = Number(/Debugger listening on ws:\/\/127\.0\.0\.1:(\d+)/.exec(text)?.[1]);
  expect(port).toBeGreaterThan(0);
  const socket = net.connect(port, '127.0.0.1');
  const [failure] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
  expect(failure.code).toBe('ECONNREFUSED');
});
