// The command line as a whole: Go's spellings, all problems at once, precedence of file, flag, environment and default.

import { type ClientOptions, ConfigError, type Environment, optionsOf, parseCommandLine, type Settings, type Side } from '@kcptun/cli';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

const noFile = (): string => {
  throw Object.assign(new Error('ENOENT: nothing here'), { code: 'ENOENT' });
};

function run<S extends Side>(side: S, argv: readonly string[], env: Environment = {}, file?: unknown): Settings<S> {
  const text = typeof file === 'string' ? file : JSON.stringify(file);
  const commandLine = parseCommandLine(side, argv, env, file === undefined ? noFile : () => text);
  if (commandLine.action !== 'run') throw new Error(`the command line asks for ${commandLine.action}`);
  return commandLine.settings;
}

function client(argv: readonly string[], file?: unknown): ClientOptions {
  return run('client', argv, { KCPTUN_KEY: 'k' }, file).options;
}

function problems(side: Side, argv: readonly string[], file?: unknown, env: Environment = {}): readonly string[] {
  try {
    run(side, argv, env, file);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    expect(error.code).toBe('KCPTUN_ERR_CLI_CONFIG');
    expect(error.message).toBe(error.problems.join('\n'));
    return error.problems;
  }
  return [];
}

describe('spellings of Go', () => {
  test.each([[['-mode', 'fast3']], [['--mode', 'fast3']], [['-mode=fast3']], [['--mode=fast3']]])('%j', (argv) => {
    const { options, origins } = run('client', argv);
    expect(options.mode).toBe('fast3');
    expect([options.nodelay, options.interval, options.resend, options.nc]).toEqual([1, 10, 2, 1]);
    expect(origins['mode']).toBe('flag');
  });

  test('aliases and case', () => {
    const options = client(['-l', ':1', '-r', 'h:2', '-ds', '20', '--ps', '7', '-QPP=false', '-QPPCount', '61']);
    expect(options).toMatchObject({ localaddr: ':1', remoteaddr: 'h:2', datashard: 20, parityshard: 7, QPP: false });
    expect(run('server', ['-l', ':3', '-t', 'x:4']).options).toMatchObject({ listen: ':3', target: 'x:4' });
    expect(problems('client', ['--qpp'])).toEqual(['--qpp: there is no such flag; did you mean --QPP?']);
  });

  test.each([
    ['-nocomp', true],
    ['-nocomp=false', false],
    ['--nocomp=1', true],
    ['--nocomp=F', false],
    ['--nocomp=TRUE', true],
  ])('boolean %s', (word, value) => {
    expect(client([word]).nocomp).toBe(value);
  });

  test.each([
    ['1400', 1400],
    ['0x578', 1400],
    ['0O2570', 1400],
    ['0b10101111000', 1400],
    ['+1400', 1400],
  ])('integer %s', (text, value) => {
    expect(client(['-mtu', text]).mtu).toBe(value);
  });

  test.each([
    ['1_400', 1400],
    ['0x_5_78', 1400],
  ])('integer %s, with the marks between digits that Go allows', (text, value) => {
    expect(client(['-mtu', text]).mtu).toBe(value);
  });

  test('a leading zero is octal, with a warning', () => {
    const { options, warnings } = run('client', ['-key=k', '-sndwnd', '0200']);
    expect(options.sndwnd).toBe(128);
    expect(warnings).toEqual(['--sndwnd 0200 has a leading zero, which makes it octal, as in the Go programs: it is read as 128']);
    expect(run('client', ['-key=k', '-dscp', '0']).warnings).toEqual([]);
  });

  test.each([
    ['0128', 'has a leading zero, which makes it octal, and is no octal number; write 128'],
    ['1__400', 'is not a whole number; use 1 to 65535 packets, like --sndwnd 128'],
    ['_1400', 'is not a whole number; use 1 to 65535 packets, like --sndwnd 128'],
    ['1400_', 'is not a whole number; use 1 to 65535 packets, like --sndwnd 128'],
    ['9223372036854775808', 'is out of range; use 1 to 65535 packets'],
  ])('%s is no number for Go either', (text, problem) => {
    expect(problems('client', ['-sndwnd', text])).toEqual([`--sndwnd ${text}: ${problem}`]);
  });

  test('the word behind a flag is its value, whatever it looks like', () => {
    const { options, warnings } = run('client', ['-key', '-a "b"=c d', '-log', '--quiet']);
    expect(options).toMatchObject({ key: '-a "b"=c d', log: '--quiet', quiet: false });
    expect(warnings).toEqual(['--log takes --quiet as its value, which looks like a flag']);
  });

  test('every text comes through as it is', () => {
    const text = fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom('-', '=', '"', "'", ' ', '\n', 'a', '.', '_', '\u00e4') }));
    fc.assert(
      fc.property(text, fc.boolean(), (key, joined) => {
        expect(client(joined ? [`-key=${key}`] : ['-key', key]).key).toBe(key);
      }),
      { numRuns: 40 },
    );
  });

  test('the last one wins; a double dash at the end is nothing', () => {
    expect(client(['-conn', '1', '-conn', '4', '--']).conn).toBe(4);
  });

  test.each([
    [['--help'], 'help'],
    [['-h'], 'help'],
    [['help'], 'help'],
    [['-mtu', '1400', 'h'], 'help'],
    [['--nonsense', '--help'], 'help'],
    [['-v'], 'version'],
    [['--version'], 'version'],
  ])('%j asks for %s', (argv, action) => {
    expect(parseCommandLine('client', argv).action).toBe(action);
  });
});

test('defaults', () => {
  const shared = {
    key: "it's a secrect",
    crypt: 'aes',
    mode: 'fast',
    QPP: false,
    QPPCount: 61,
    mtu: 1350,
    ratelimit: 0,
    datashard: 10,
    parityshard: 3,
    dscp: 0,
    nocomp: false,
    acknodelay: false,
    nodelay: 0,
    interval: 30,
    resend: 2,
    nc: 1,
    sockbuf: 4_194_304,
    smuxver: 2,
    smuxbuf: 4_194_304,
    framesize: 8192,
    streambuf: 2_097_152,
    keepalive: 10,
    snmplog: '',
    snmpperiod: 60,
    log: '',
    quiet: false,
    tcp: false,
    c: '',
    pprof: false,
  };
  const clientOnly = { localaddr: ':12948', remoteaddr: 'vps:29900', conn: 1, autoexpire: 0, scavengettl: 600 };
  expect(optionsOfGo('client')).toEqual({ ...shared, ...clientOnly, sndwnd: 128, rcvwnd: 512, closewait: 0 });
  const serverOnly = { listen: ':29900', target: '127.0.0.1:12948' };
  // Not the original's 30, which ends every connection half a minute late.
  expect(optionsOfGo('server')).toEqual({ ...shared, ...serverOnly, sndwnd: 1024, rcvwnd: 1024, closewait: 0 });
});

/** What a program runs with when nothing is given, as far as the Go programs have it too. */
function optionsOfGo(side: Side): Record<string, unknown> {
  const own = optionsOf(side).filter((option) => option.ours === true);
  return Object.fromEntries(Object.entries(run(side, []).options).filter(([name]) => own.every((option) => option.name !== name)));
}

describe('precedence', () => {
  test('file, flag, environment, default', () => {
    const env = { KCPTUN_KEY: 'from env' };
    expect(run('client', [], env)).toMatchObject({ options: { key: 'from env' }, origins: { key: 'environment', mtu: 'default' } });
    expect(run('client', ['-key', 'x'], env)).toMatchObject({ options: { key: 'x' }, origins: { key: 'flag' } });
    const all = run('client', ['-key', 'x', '-mtu', '1200', '-conn', '3', '-c', 'f.json'], env, { key: 'y', mtu: 1300, conn: 3 });
    expect(all).toMatchObject({ options: { key: 'y', mtu: 1300, conn: 3 }, origins: { key: 'file', mtu: 'file', conn: 'file' } });
    expect(all.warnings).toEqual([
      'f.json wins over the command line: "key": (hidden) instead of --key',
      'f.json wins over the command line: "mtu": 1300 instead of --mtu',
    ]);
    expect(run('client', ['-c', 'f.json'], env, { key: 'y' }).warnings).toEqual([
      'f.json wins over the environment: "key": (hidden) instead of KCPTUN_KEY',
    ]);
    expect(run('client', ['-key', 'x', '-c', 'f.json'], env, { key: 'x' }).warnings).toEqual([]);
  });

  test('an empty KCPTUN_KEY is not used', () => {
    const { options, warnings } = run('client', [], { KCPTUN_KEY: '' });
    expect(options.key).toBe("it's a secrect");
    expect(warnings[0]).toBe('KCPTUN_KEY is empty and not used');
  });

  test('a named mode wins over single numbers from everywhere, manual takes them', () => {
    const file = { nodelay: 1, interval: 20, resend: 3, nc: 0 };
    const named = run('client', ['-key=k', '-mode', 'normal', '-interval', '15', '-c', 'f'], {}, { nodelay: 1 });
    expect(named.options).toMatchObject({ nodelay: 0, interval: 40, resend: 2, nc: 1 });
    expect(named.origins).toMatchObject({ mode: 'flag', nodelay: 'mode', interval: 'mode', resend: 'mode', nc: 'mode' });
    expect(named.warnings).toEqual(['--interval 15 has no effect with --mode normal: 40 is used; --mode manual takes it']);
    expect(client(['-mode', 'manual', '-c', 'f'], file)).toMatchObject(file);
    expect(client(['-mode', 'default'])).toMatchObject({ nodelay: 0, interval: 50, resend: 0, nc: 0 });
  });
});

describe('problems', () => {
  test('all at once, each naming flag, value and cure', () => {
    const argv = [
      '-crypt',
      'rot13',
      '-mtu',
      'abc',
      '-conn',
      '0',
      '-nocomp',
      'true',
      '--speed',
      '9',
      '-mode=fats',
      '-quiet=maybe',
      '-keepalive',
    ];
    expect(problems('client', argv)).toEqual([
      'true: unexpected word; --nocomp takes no separate value, write --nocomp=true',
      '--speed: there is no such flag; see --help',
      '--keepalive: the value is missing; write --keepalive VALUE',
      expect.stringMatching(/^--crypt rot13: is not known; use one of aes, aes-128, .*null$/),
      '--mode fats: is not known; use one of auto, fast3, fast2, fast, normal, manual, default',
      '--mtu abc: is not a whole number; use 25 to 1500 bytes, like --mtu 1350',
      '--quiet maybe: is neither true nor false; write --quiet or --quiet=false',
      '--conn 0: is out of range; use auto, or 1 to 65535',
    ]);
  });

  test.each<[Side, string[], string]>([
    ['client', ['stray'], 'stray: unexpected word; flags begin with a dash'],
    ['client', ['-'], '-: unexpected word; flags begin with a dash'],
    ['client', ['--', '-x'], '-x: unexpected word; flags begin with a dash'],
    ['client', ['--smuxbug', '5'], '--smuxbug: there is no such flag; did you mean --smuxbuf?'],
    ['client', ['--mut', '5'], '--mut: there is no such flag; did you mean --mtu?'],
    ['client', ['--conns', '5'], '--conns: there is no such flag; did you mean --conn?'],
    ['client', ['--config', 'f.json'], '--config: there is no such flag; did you mean -c?'],
    ['client', ['--print_config'], '--print_config: there is no such flag; did you mean --print-config?'],
    ['client', ['--print-config', 'json'], 'json: unexpected word; --print-config takes no separate value, write --print-config=json'],
    ['client', ['--print-config=yaml'], '--print-config yaml: is not known; use one of off, text, json'],
    [
      'client',
      ['--tuncrypt'],
      '--tuncrypt is an option of 2016 that encrypted the stream a second time; today every packet is encrypted anyway: ' +
        'choose the cipher with --crypt on both ends, like --crypt aes',
    ],
    ['server', ['--maxspeed', '5'], '--maxspeed was the misspelt name of one release; write --ratelimit'],
    ['client', ['--dcp', '5'], '--dcp: there is no such flag; did you mean --dscp?'],
    ['server', ['--conn=5'], '--conn: there is no such flag; it is one of kcptun-client'],
    // What is misspelt may be the key.
    ['client', ['--kee=hush'], '--kee: there is no such flag; did you mean --key?'],
    ['client', ['--keepalive', '31'], '--keepalive 31: is out of range; use 1 to 30 seconds'],
    ['client', ['--smuxver', '3'], '--smuxver 3: is out of range; use 1 or 2'],
    ['client', ['--framesize=0'], '--framesize 0: is out of range; use 1 to 65535 bytes'],
    ['client', ['--smuxbuf', '0'], '--smuxbuf 0: is out of range; use 1 to 2147483647 bytes'],
    ['client', ['-ds=300'], '--datashard 300: is out of range; use 0 to 255, and at most 256 together with --parityshard 3'],
    ['client', ['-ds=255', '-ps=2'], '--parityshard 2: is too much with --datashard 255; both together are at most 256'],
    ['client', ['--smuxbuf', '1000000'], '--streambuf 2097152 (the default): is more than --smuxbuf; use at most 1000000'],
    [
      'client',
      ['-r', 'vps'],
      '--remoteaddr vps: is no address; write host:port, [v6]:port or host:minport-maxport, with ports up to 65535',
    ],
    ['server', ['-l', ':5-3'], '--listen :5-3: has a port range that runs backwards; write 3-5'],
    [
      'client',
      ['-r', 'vps:0'],
      '--remoteaddr vps:0: is no address; write host:port, [v6]:port or host:minport-maxport, with ports up to 65535',
    ],
    ['client', ['-l', '12948'], '--localaddr 12948: has no colon; write :12948'],
    [
      'client',
      ['-l', ''],
      '--localaddr "": is empty; write host:port, :port or the path of a unix socket with a slash in it (was it a variable that is not set?)',
    ],
    ['client', ['-l', '::1:80'], '--localaddr ::1:80: is no address; write host:port with a number as port, and IPv6 as [::1]:port'],
    ['server', ['-t', 'h:65536'], '--target h:65536: has a port that is out of range; use 1 to 65535'],
    ['server', ['-t', 'h:0'], '--target h:0: has a port that is out of range; use 1 to 65535'],
  ])('%s %j', (side, argv, line) => {
    expect(problems(side, argv)).toEqual([line]);
  });

  test.each<[Side, string[]]>([
    ['client', ['--mtu', '53']],
    ['client', ['--mtu=25', '-crypt=null', '-ps=0']],
    ['client', ['-ds=253', '-ps=3']],
    ['client', ['-r', '[::1]:3000-3010', '-l', '/run/kcptun.sock', '-autoexpire=1']],
    ['server', ['-l', '10.0.0.1:3000-3010', '-t', './kcptun.sock']],
    ['client', ['-l', '[::]:0', '-sndwnd=65535', '-scavengettl=-1']],
  ])('%s %j is fine', (side, argv) => {
    expect(problems(side, argv)).toEqual([]);
  });

  test('the key is never shown', () => {
    const lines = [
      ...problems('client', ['-key', 'hush', '-smuxver', '5', '-c', 'f'], { key: [77] }),
      ...run('client', ['-key', 'hush', '-c', 'f'], {}, { key: 77 }).warnings,
      ...problems('client', ['-key', 'hush', '-smuxver', '5', '-c', 'f'], { key: 'hush2', conn: -1 }),
      ...problems('client', ['-c', 'f'], '{"key": "hush", oops}'),
    ];
    expect(lines.length).toBe(7);
    expect(lines.join('\n')).not.toMatch(/hush|77/);
  });
});

describe('words at start', () => {
  test('a negative ratelimit is corrected as by Go', () => {
    const { options, warnings } = run('client', ['-key=k', '-ratelimit', '-5']);
    expect(options.ratelimit).toBe(0);
    expect(warnings).toEqual(['ratelimit -5 is negative, falling back to 0']);
  });

  test.each<[string[], RegExp[]]>([
    [[], [/^the default key is public/]],
    [['-key='], [/^the key is empty/]],
    [['-key=k', '-crypt', 'xor'], [/^--crypt xor hides nothing/]],
    [['-key=k', '-crypt', 'none'], [/^--crypt none hides nothing/]],
    [['-key=k', '-crypt', 'null'], [/^--crypt null hides nothing/]],
    [["-key=it's a secrect"], [/^the default key is public/]],
    [['-key=k', '-ratelimit', '2699'], [/^--ratelimit 2699 is less than two packets a second: it counts bytes/]],
    [['-key=k', '-ratelimit', '2700'], []],
    [['-key=k', '-autoexpire', '60'], [/^scavengettl is bigger than autoexpire/]],
    [['-key=k', '-autoexpire', '600'], []],
    [['-key=k'], []],
    [
      ['-key=k', '-QPP', '-QPPCount=4'],
      [/'key' has size of 1 bytes, required 211/, /QPPCount 4, required 7 at least/, /QPPCount 4, choose a prime/],
    ],
  ])('%j', (argv, lines) => {
    const { warnings } = run('client', argv);
    expect(warnings.length).toBe(lines.length);
    for (const [index, line] of lines.entries()) expect(warnings[index]).toMatch(line);
  });
});

test.each([
  [[], {}, 1, 'default'],
  [['--conn', 'auto'], {}, 'auto', 'flag'],
  [[], { conn: 'auto' }, 'auto', 'file'],
  [['--mode', 'auto'], {}, 'auto', 'mode'],
  [['--mode', 'auto', '--conn', '1'], {}, 1, 'flag'],
  [['--mode', 'auto'], { conn: 3 }, 3, 'file'],
])('sessions as needed: %j with a file %j', (argv, file, conn, origin) => {
  const all = run('client', [...argv, '--key', 'x', '-c', 'f.json'], {}, file);
  expect(all).toMatchObject({ options: { conn }, origins: { conn: origin } });
});
