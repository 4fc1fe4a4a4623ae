// What is said when a buffer is smaller than wanted, on each system.

import { describe, expect, it } from 'vitest';
import { shortfallNote, sourceNote } from '../src/node/socket-notes.ts';

describe('the line about socket buffers', () => {
  it.each([
    // Linux says the double of what it has granted.
    [
      'linux',
      { receive: 425_984, send: 8_388_608 },
      '--sockbuf 4194304: the kernel grants 212992 to receive; for more run: sysctl -w net.core.rmem_max=4194304',
    ],
    [
      'linux',
      { receive: 8_388_608, send: 425_984 },
      '--sockbuf 4194304: the kernel grants 212992 to send; for more run: sysctl -w net.core.wmem_max=4194304',
    ],
    [
      'linux',
      { receive: 425_984, send: 425_984 },
      '--sockbuf 4194304: the kernel grants 212992 to receive and 212992 to send; for more run: sysctl -w net.core.rmem_max=4194304 net.core.wmem_max=4194304',
    ],
    [
      'freebsd',
      { receive: 1_048_576, send: 4_194_304 },
      '--sockbuf 4194304: the kernel grants 1048576 to receive; for more run: sysctl kern.ipc.maxsockbuf=4718592',
    ],
    [
      'darwin',
      { receive: 2_097_152, send: 2_097_152 },
      '--sockbuf 4194304: the kernel grants 2097152 to receive and 2097152 to send; for more run: sysctl kern.ipc.maxsockbuf=4718592',
    ],
    ['win32', { receive: 65_536, send: 4_194_304 }, '--sockbuf 4194304: the kernel grants 65536 to receive'],
  ] as const)('%s, %o', (platform, sizes, line) => {
    expect(shortfallNote(4_194_304, sizes, platform)).toEqual([line]);
  });

  it('is not there when everything was granted, or nothing asked for, or nothing is known', () => {
    expect(shortfallNote(4_194_304, { receive: 8_388_608, send: 8_388_608 }, 'linux')).toEqual([]);
    expect(shortfallNote(4_194_304, { receive: 4_194_304, send: 5_000_000 }, 'freebsd')).toEqual([]);
    expect(shortfallNote(undefined, { receive: 1, send: 1 }, 'linux')).toEqual([]);
    expect(shortfallNote(4_194_304, { receive: undefined, send: undefined }, 'linux')).toEqual([]);
  });
});

it('has a line for several addresses of one family, where answers cannot follow', () => {
  const [loop, four, six] = [
    { family: 'IPv4', internal: true },
    { family: 'IPv4', internal: false },
    { family: 'IPv6', internal: false },
  ] as const;
  expect(sourceNote([loop, loop, four, six])).toEqual([]);
  for (const two of [four, six])
    expect(sourceNote([loop, four, six, two])).toEqual([expect.stringContaining('name the address with --listen')]);
});
