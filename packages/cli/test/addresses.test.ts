// Addresses as people write them: what they mean, or one line with the cure when the program starts.

import {
  type AddressContext,
  type ClientOptions,
  ConfigError,
  clientOptions,
  findService,
  parseCommandLine,
  parseStreamAddress,
  type Side,
} from '@kcptun/cli';
import { SILENT_LOGGER } from '@kcptun/common';
import { describe, expect, test } from 'vitest';

const linux: AddressContext = { system: 'linux', findPort: (name) => (name === 'http-alt' ? 8080 : undefined) };

test.each<[string, unknown]>([
  ['127.0.0.1:80', { host: '127.0.0.1', port: 80 }],
  [':12948', { host: '', port: 12_948 }],
  ['[::1]:80', { host: '::1', port: 80 }],
  [':http-alt', { host: '', port: 8080 }],
  ['example.com:http-alt', { host: 'example.com', port: 8080 }],
  ['tcp://127.0.0.1:80', { host: '127.0.0.1', port: 80 }],
  ['tcp://[::1]:80/', { host: '::1', port: 80 }],
  ['tcp://:80', { host: '', port: 80 }],
  ['unix:///run/x.sock', { path: '/run/x.sock' }],
  ['unix:/run/x.sock', { path: '/run/x.sock' }],
  ['unix:x.sock', { path: 'x.sock' }],
  ['unix://x.sock', { path: 'x.sock' }],
  ['unix:@x', { path: '@x' }],
  // A host may have this name.
  ['unix:80', { host: 'unix', port: 80 }],
  ['@x', { path: '@x' }],
  ['./x', { path: './x' }],
  ['/run/x:80', { path: '/run/x:80' }],
  [`/${'x'.repeat(106)}`, { path: `/${'x'.repeat(106)}` }],
  [`@${'x'.repeat(107)}`, { path: `@${'x'.repeat(107)}` }],
])('%s', (text, address) => {
  expect(parseStreamAddress(text, linux)).toEqual({ address });
});

test.each<[string, string]>([
  ['127.0.0.1', 'has no port; write 127.0.0.1:PORT, or ./127.0.0.1 if it is a unix socket'],
  ['localhost', 'has no port; write localhost:PORT, or ./localhost if it is a unix socket'],
  ['kcptun.sock', 'has no port; write kcptun.sock:PORT, or ./kcptun.sock if it is a unix socket'],
  ['tcp://localhost', 'has no port; write localhost:PORT, or ./localhost if it is a unix socket'],
  ['[::1]', 'has no port; write [::1]:PORT'],
  ['12948', 'has no colon; write :12948'],
  ['localhost:', 'has no port behind its colon; write localhost:PORT'],
  ['::1:80', 'is no address; write host:port with a number as port, and IPv6 as [::1]:port'],
  [':no-such', 'has a port that is neither a number nor a service of this machine; write the number of no-such'],
  ['h:65536', 'has a port that is out of range; use 1 to 65535'],
  ['http://h:80/x', 'is a URL of http; write its host and port, host:port, without http://'],
  ['udp://h:80', 'is UDP, and connections are TCP; write h:80'],
  ['', 'is empty; write host:port, :port or the path of a unix socket with a slash in it'],
  ['unix:', 'names no socket; write a path, like /run/kcptun.sock'],
  ['@', 'names no socket; write a path, like /run/kcptun.sock'],
  [`/${'x'.repeat(107)}`, 'is 108 bytes long; use a path of at most 107 bytes'],
  [`/${'\u00e9'.repeat(54)}`, 'is 109 bytes long; use a path of at most 107 bytes'],
  [`@${'x'.repeat(108)}`, 'is 108 bytes long; use a path of at most 107 bytes'],
])('%s is refused', (text, problem) => {
  expect(parseStreamAddress(text, linux)).toEqual({ problem });
});

test('other systems have less room and no abstract namespace', () => {
  expect(parseStreamAddress(`/${'x'.repeat(103)}`, { system: 'darwin' })).toEqual({
    problem: 'is 104 bytes long; use a path of at most 103 bytes',
  });
  expect(parseStreamAddress('@x', { system: 'freebsd' })).toEqual({
    problem: 'is in the abstract namespace, which only Linux has; write a path, like /run/kcptun.sock',
  });
  const pipe = `\\\\.\\pipe\\${'x'.repeat(200)}`;
  expect(parseStreamAddress(pipe, { system: 'win32' })).toEqual({ address: { path: pipe } });
});

describe('a program', () => {
  function problems(side: Side, argv: readonly string[]): readonly string[] {
    try {
      parseCommandLine(side, ['--key=k', ...argv], {}, undefined, 'linux');
    } catch (error) {
      if (error instanceof ConfigError) return error.problems;
      throw error;
    }
    return [];
  }

  test.each<[Side, string[], string]>([
    ['client', ['-l', '127.0.0.1'], '--localaddr 127.0.0.1: has no port; write 127.0.0.1:PORT, or ./127.0.0.1 if it is a unix socket'],
    ['server', ['-t', 'localhost'], '--target localhost: has no port; write localhost:PORT, or ./localhost if it is a unix socket'],
    [
      'client',
      ['-r', 'tcp://vps:29900'],
      '--remoteaddr tcp://vps:29900: is no UDP address; write host:port, [v6]:port or host:minport-maxport, with ports up to 65535, without tcp://',
    ],
    ['server', ['-t', 'tcp://h:0'], '--target tcp://h:0: has a port that is out of range; use 1 to 65535'],
    ['server', ['--pprof-listen', '/x'], '--pprof-listen /x: has no port; write host:port, like 127.0.0.1:6060'],
  ])('%s %j', (side, argv, line) => {
    expect(problems(side, argv)).toEqual([line]);
  });

  test('takes the prefixes', () => {
    const line = parseCommandLine('client', ['--key=k', '-l', 'tcp://:80', '-r', 'udp://vps:1-2/'], {}, undefined, 'linux');
    if (line.action !== 'run') throw new Error(line.action);
    const { listen, remote } = clientOptions(line.settings.options as ClientOptions, SILENT_LOGGER);
    expect({ listen, remote }).toEqual({ listen: { host: '', port: 80 }, remote: { host: 'vps', minPort: 1, maxPort: 2 } });
  });
});

test('services: names and aliases of TCP in any case, and those that Go knows without a list', () => {
  const list = '# a list\nhttp-alt  8080/tcp  webcache # WWW caching\nhttp-alt 8081/udp\ntftp 69/udp\nbad 99999/tcp\nssh 2222/tcp\n';
  const find = (name: string): number | undefined => findService(name, () => list);
  expect(['http-alt', 'HTTP-Alt', 'webcache', 'tftp', 'bad', 'ssh', 'https', 'constructor', '#'].map(find)).toEqual([
    8080,
    8080,
    8080,
    undefined,
    undefined,
    2222,
    443,
    undefined,
    undefined,
  ]);
  const broken = (): string => {
    throw new Error('no list');
  };
  expect([findService('ssh', broken), findService('http-alt', broken)]).toEqual([22, undefined]);
});
