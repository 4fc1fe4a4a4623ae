// Which firewall rules are left behind by the dead, and where fake TCP cannot be had. No rule is installed here.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Arena } from '@kcptun/common';
import { describe, expect, it } from 'vitest';
import { isProcessAlive, processMark, staleRules } from '../../src/node/fake-tcp/firewall.ts';
import { selectFakeTcp } from '../../src/node/fake-tcp/select-fake-tcp.ts';
import { ReceiveQueue } from '../../src/node/receive-queue.ts';

describe('rules left behind', () => {
  const rule = (mark: string): string =>
    `OUTPUT -s 10.0.0.1/32 -p tcp -m ttl --ttl-eq 1 -m tcp --sport 4000 -m comment --comment ${mark} -j DROP`;
  const listing = [
    '-P OUTPUT ACCEPT',
    `-A ${rule('kcptun-node:7:1:5')}`,
    `-A ${rule('"kcptun-node:8:1:5"')}`,
    `-A ${rule('kcptun-node:9:1:5')}`,
    `-A ${rule('something-else')}`,
    `-A ${rule('"kcptun-node of another kind"')}`,
    '-A OUTPUT -p tcp -m ttl --ttl-eq 1 -j DROP',
    '-A OUTPUT -m comment --comment',
    '',
  ].join('\n');

  it('are those of dead processes; others and foreign ones stay', () => {
    const stale = staleRules(listing, (mark) => mark.startsWith('kcptun-node:9:'));
    expect(stale.map((words) => words.join(' '))).toEqual([rule('kcptun-node:7:1:5'), rule('kcptun-node:8:1:5')]);
  });
});

describe.runIf(process.platform === 'linux')('the mark of a process', () => {
  it('tells whether it lives', async () => {
    expect(processMark()).toMatch(/^kcptun-node:[0-9]+:[0-9]+:[0-9]+$/);
    expect(isProcessAlive(processMark())).toBe(true);
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    const mark = processMark(child.pid);
    expect(isProcessAlive(mark)).toBe(true);
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(isProcessAlive(mark)).toBe(false);
  });

  it('is not mistaken for that of a later process with the same id', () => {
    const [name, pid, started, namespace] = processMark().split(':');
    expect(isProcessAlive([name, pid, Number(started) - 1, namespace].join(':'))).toBe(false);
  });

  it('leaves processes alone that cannot be seen from here', () => {
    expect(isProcessAlive('kcptun-node:1:1:123')).toBe(true);
  });
});

describe('fake TCP', () => {
  const select = (system: Partial<Parameters<typeof selectFakeTcp>[3]>) =>
    selectFakeTcp(new Arena(), new ReceiveQueue(), () => 0, { platform: 'linux', arch: 'x64', native: true, ...system });

  it.each([
    [{ platform: 'darwin' as const }, 'works on Linux only; this is darwin'],
    [{ platform: 'win32' as const }, 'works on Linux only; this is win32'],
    [{ platform: 'freebsd' as const }, 'works on Linux only; this is freebsd'],
    [{ arch: 'mips' }, 'needs x64 or arm64; this is mips'],
    [{ native: false }, 'needs native code, which is switched off (KCPTUN_NO_NATIVE)'],
  ])('%j: %s', async (system, obstacle) => {
    const backend = select(system);
    expect(backend.obstacle).toBe(obstacle);
    const options = { host: '', port: 0, fakeTcp: true };
    const error = await new Promise((resolve) => backend.open(options, { onBatch: () => {}, onTrouble: () => {} }, resolve));
    expect(error).toMatchObject({ code: 'KCPTUN_ERR_TRANSPORT_BIND', message: `fake TCP ${obstacle}` });
  });
});
