// Connections to one target address take one local port each. When the system has none left, a stream
// is refused like any other that finds no target, and those that are open go on.

import { findPrograms, NetworkPair, namespacesMissing, poll } from '@kcptun/interop';
import { expect, onTestFinished, test } from 'vitest';
import { suite } from './suite.ts';

const programs = await findPrograms();
const PORTS = 40;
const APPLICATIONS = 100;
/** Tells how many connections it has, and answers each. */
const TARGET = `require('net').createServer((s) => { s.on('error', () => {}); s.pipe(s); }).listen(5001, () => console.log('ready'))`;
/** Opens them in turn; says how many were answered and how many closed without an answer, and at last whether the first one still works. */
const APPLICATION = `
  const net = require('net');
  const open = [];
  const one = () => new Promise((resolve) => {
    const socket = net.connect(5000, '127.0.0.1', () => socket.write('x'));
    socket.on('error', () => {}).once('data', () => { open.push(socket); resolve(true); }).once('close', () => resolve(false));
  });
  (async () => {
    let refused = 0;
    for (let i = 0; i < ${APPLICATIONS}; i++) if (!(await one())) refused += 1;
    console.log('answered ' + open.length + ' refused ' + refused);
    open[0].write('y');
    await new Promise((resolve) => open[0].once('data', resolve));
    open.pop().destroy();
    await new Promise((resolve) => setTimeout(resolve, 500));
    console.log('the first goes on');
    for (const socket of open) socket.destroy();
  })();
`;

suite(
  'a server without a local port for its target',
  [namespacesMissing(), programs.oursMissing, process.env['KCPTUN_NO_NATIVE'] === '1' ? 'native code is switched off' : undefined],
  () => {
    test('refuses the streams beyond, in few lines, and keeps the others', async () => {
      const pair = new NetworkPair();
      onTestFinished(() => pair.close());
      const target = pair.start('near', [process.execPath, '-e', TARGET]);
      await target.waitFor(/ready/);
      pair.run('far', 'sysctl', '-qw', `net.ipv4.ip_local_port_range=40000 ${40_000 + PORTS - 1}`);
      const shared = ['--key', 'ports', '--quiet'];
      const server = pair.start('far', [...programs.command('ours', 'server'), ...shared, '-l', '10.9.0.2:4000', '-t', '10.9.0.1:5001']);
      const client = pair.start('near', [...programs.command('ours', 'client'), ...shared, '-l', '127.0.0.1:5000', '-r', '10.9.0.2:4000']);
      await Promise.all([server.waitFor(/key derivation done/), client.waitFor(/key derivation done/)]);
      const applications = pair.start('near', [process.execPath, '-e', APPLICATION]);
      await applications.waitFor(/the first goes on/);
      const [, answered = '', refused = ''] = /answered (\d+) refused (\d+)/.exec(applications.output) ?? [];
      expect([Number(answered), Number(refused)]).toEqual([PORTS, APPLICATIONS - PORTS]);
      const lines = server.output.split('\n').filter((line) => line.includes('the target cannot be reached'));
      expect(lines.length).toBeLessThanOrEqual(20);
      expect(lines[0]).toMatch(/EADDRNOTAVAIL 10\.9\.0\.1:5001/);
      expect(server.output).not.toMatch(/internal error/);
      await poll(() => pair.run('far', 'ss', '-Htn', 'state', 'established').split('\n').filter(Boolean).length === 0);
    });
  },
  'sequential',
);
