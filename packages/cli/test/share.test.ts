// The files for services in share/: the programs they start exist, the options they give are options, and the system knows what they set.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EXIT_USAGE, findOption, type Side } from '@kcptun/cli';
import { describe, expect, onTestFinished, test } from 'vitest';

const SHARE = fileURLToPath(new URL('../share/', import.meta.url));
const UNITS = readdirSync(join(SHARE, 'systemd'));

describe('units', () => {
  test('each program has a plain and a templated one', () => {
    expect(UNITS.sort()).toEqual(['kcptun-client.service', 'kcptun-client@.service', 'kcptun-server.service', 'kcptun-server@.service']);
  });

  test.each(UNITS)('%s', (name) => {
    const unit = readFileSync(join(SHARE, 'systemd', name), 'utf8');
    const settings = new Map([...unit.matchAll(/^(\w+)=(.*)$/gm)].map((match) => [match[1], match[2]] as const));
    const [, side = '', file] = /^kcptun-(client|server) -c (\S+)$/.exec(settings.get('ExecStart') ?? '') ?? [];
    expect(name).toMatch(new RegExp(`^kcptun-${side}@?\\.service$`));
    expect(file).toBe(name.includes('@') ? '/etc/kcptun/%i.json' : `/etc/kcptun/${side}.json`);
    expect(settings.get('Type')).toBe('notify');
    expect(settings.get('RestartPreventExitStatus')).toBe(String(EXIT_USAGE));
    const drain = findOption(side as Side, 'drain-timeout')?.defaults[side as Side];
    expect(Number(settings.get('TimeoutStopSec'))).toBeGreaterThan(Number(drain));
  });

  test.skipIf(spawnSync('systemd-analyze', ['--version']).status !== 0)('systemd understands them', () => {
    const folder = mkdtempSync(join(tmpdir(), 'kcptun-units-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    // The programs need not be installed where this runs.
    const paths = UNITS.map((name) => {
      const path = join(folder, name.replace('@', '@test'));
      writeFileSync(path, readFileSync(join(SHARE, 'systemd', name), 'utf8').replace(/^ExecStart=\S+/m, `ExecStart=${process.execPath}`));
      return path;
    });
    const { stdout, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', ...paths], {
      encoding: 'utf8',
      env: { ...process.env, SYSTEMD_LOG_LEVEL: 'warning' },
    });
    expect((stdout + stderr).split('\n').filter((line) => line.includes(folder))).toEqual([]);
  });
});

test('the image keeps the paths and ports of the original', () => {
  const dockerfile = readFileSync(join(SHARE, 'docker', 'Dockerfile'), 'utf8');
  for (const side of ['client', 'server']) expect(dockerfile).toContain(`ln -s "$(command -v kcptun-${side})" /bin/${side}`);
  expect(dockerfile).toMatch(/^EXPOSE 29900\/udp 12948$/m);
  expect(dockerfile).toMatch(/^ENTRYPOINT \[\]$/m);
});

describe('sysctl', () => {
  const keys = (name: string): string[] =>
    [...readFileSync(join(SHARE, 'sysctl', name), 'utf8').matchAll(/^([a-z][\w.-]*) ?= ?\d[\d ]*$/gm)].map((match) => match[1] ?? '');

  test.skipIf(process.platform !== 'linux')('linux.conf sets what this kernel knows', () => {
    expect(keys('linux.conf').length).toBeGreaterThan(4);
    // A network namespace does not show what belongs to the whole machine.
    const whole = existsSync('/proc/sys/net/core/rmem_max');
    for (const key of keys('linux.conf').filter((each) => whole || !each.startsWith('net.core.'))) {
      expect(existsSync(`/proc/sys/${key.replaceAll('.', '/')}`), key).toBe(true);
    }
  });

  test('every line is a comment or a setting', () => {
    for (const name of ['linux.conf', 'freebsd.conf']) {
      const lines = readFileSync(join(SHARE, 'sysctl', name), 'utf8').split('\n');
      expect(lines.filter((line) => line !== '' && !line.startsWith('#'))).toHaveLength(keys(name).length);
    }
  });
});
