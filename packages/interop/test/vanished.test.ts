// A machine that vanishes without a word: its applications and its target leave neither streams nor descriptors.

import { findPrograms, NetworkPair, namespacesMissing, poll } from '@kcptun/interop';
import { expect, onTestFinished, test } from 'vitest';
import { suite } from './suite.ts';

const programs = await findPrograms();
const needed = [
  namespacesMissing(),
  programs.oursMissing,
  process.env['KCPTUN_NO_NATIVE'] === '1' ? 'native code is switched off' : undefined,
];

const CONNECTIONS = 30;
const TARGET = `require('net').createServer((s) => s.on('error', () => {})).listen(5001, () => console.log('ready'))`;
const APPLICATIONS = `
  for (let i = 0; i < ${CONNECTIONS}; i++) require('net').connect(5000, '10.9.0.2', function () { this.write('hello'); }).on('error', () => {});
  setInterval(() => {}, 1000);
`;

suite(
  'applications and a target that vanish',
  needed,
  () => {
    test('are found by TCP keepalive, at both ends', async () => {
      const pair = new NetworkPair();
      onTestFinished(() => pair.close());
      const shared = ['--key', 'vanished', '--tcp-keepalive', '1', '--quiet'];
      const target = pair.start('near', [process.execPath, '-e', TARGET]);
      await target.waitFor(/ready/);
      const server = pair.start('far', [...programs.command('ours', 'server'), ...shared, '-l', '127.0.0.1:4000', '-t', '10.9.0.1:5001']);
      const client = pair.start('far', [...programs.command('ours', 'client'), ...shared, '-l', ':5000', '-r', '127.0.0.1:4000']);
      await Promise.all([server.waitFor(/key derivation done/), client.waitFor(/key derivation done/)]);
      const open = (): number => pair.run('far', 'ss', '-Htn', 'state', 'established').split('\n').filter(Boolean).length;
      pair.start('near', [process.execPath, '-e', APPLICATIONS]);
      await poll(() => open() === 2 * CONNECTIONS);

      const timers = pair.run('far', 'ss', '-Htno', 'state', 'established').match(/timer:\(keepalive,/g) ?? [];
      expect(timers.length).toBe(2 * CONNECTIONS);
      for (const chain of ['INPUT', 'OUTPUT']) pair.run('near', 'iptables', '-A', chain, '-j', 'DROP');
      await poll(() => open() === 0);
      expect([server.output, client.output].join('')).not.toMatch(/internal error/);
    });
  },
  'sequential',
);
