// Where the cases run: namespaces of their own for network and mounts, so that firewall rules and full disks harm nobody else and vanish with the
// process. The command starts itself once more inside of them. Linux, as root or where users may make namespaces.

import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readlinkSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Tells the inner process which network it must not be in. */
const OUTSIDE = 'KCPTUN_TORTURE_OUTSIDE';

/** Why the namespaces cannot be had; `undefined` when they can. */
export function whyNoLab(): string | undefined {
  if (process.platform !== 'linux') return 'namespaces are of Linux';
  const [command, ...args] = inside(['sh', '-c', 'ip link set lo up && iptables -S INPUT && mount -t tmpfs none /mnt']);
  const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
  return status === 0 ? undefined : `unshare, ip, iptables, mount: ${error?.message ?? stderr.trim()}`;
}

/**
 * Runs this command inside of the lab unless it is there already.
 * @returns the exit code of the inner one; `undefined` inside
 */
export async function enterLab(): Promise<number | undefined> {
  const network = readlinkSync('/proc/self/ns/net');
  const outside = process.env[OUTSIDE];
  if (outside !== undefined) {
    if (outside === network) throw new Error('still in the network that this was started in: refusing to touch its firewall');
    ip('link', 'set', 'lo', 'up');
    process.once('disconnect', () => process.exit(1));
    process.channel?.unref();
    return undefined;
  }
  const [command, ...args] = inside([process.execPath, ...process.execArgv, ...process.argv.slice(1)]);
  const child = spawn(command, args, { stdio: ['inherit', 'inherit', 'inherit', 'ipc'], env: { ...process.env, [OUTSIDE]: network } });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child.kill(signal));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? 1));
  });
}

function inside(command: readonly string[]): [string, ...string[]] {
  const user = process.getuid?.() === 0 ? [] : ['--user', '--map-root-user'];
  return ['unshare', ...user, '--net', '--mount', ...command];
}

function ip(...args: string[]): void {
  execFileSync('ip', args);
}

/** Datagrams to the server (`up`), from it (`down`), or both. */
export type Direction = 'up' | 'down' | 'both';

/**
 * Has the firewall drop the datagrams of a server; nobody is told.
 * @returns lets them pass again
 */
export function blackHole(udpPort: number, direction: Direction): () => void {
  const rules = [
    ...(direction === 'down' ? [] : [['INPUT', '-p', 'udp', '--dport', `${udpPort}`, '-j', 'DROP']]),
    ...(direction === 'up' ? [] : [['INPUT', '-p', 'udp', '--sport', `${udpPort}`, '-j', 'DROP']]),
  ];
  for (const rule of rules) execFileSync('iptables', ['-w', '-I', ...rule]);
  return () => {
    for (const rule of rules) execFileSync('iptables', ['-w', '-D', ...rule]);
  };
}

/** A disk of so many KiB. It lasts as long as this process. @returns its folder */
export function smallDisk(size: number): string {
  const folder = mkdtempSync(join(tmpdir(), 'kcptun-torture-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}k`, 'none', folder]);
  process.once('exit', () => {
    execFileSync('umount', ['-l', folder]);
    rmdirSync(folder);
  });
  return folder;
}
