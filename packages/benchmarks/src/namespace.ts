// A network namespace of one's own, where the loopback has no UDP segmentation offload and, if wanted, loses datagrams at random. Needs root.
// With the offload a train of datagrams is one packet for netfilter, and the loss would hit whole trains.

import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

const LOSS = '0.05';
/** Datagrams are at most 1500 bytes, trains tens of kilobytes. */
const LARGEST_PACKET = 1600;

/** Runs a command in a new namespace. Returns notes about what the namespace did. @throws {Error} when it cannot be had */
export function runInNamespace(network: 'no-offload' | 'loss', command: readonly string[]): string[] {
  const name = `kcptun-bench-${process.pid}`;
  const inside = (...args: string[]): string => execFileSync('ip', ['netns', 'exec', name, ...args], { encoding: 'utf8' });
  execFileSync('ip', ['netns', 'add', name]);
  try {
    inside('ip', 'link', 'set', 'lo', 'up');
    inside(findEthtool(), '-K', 'lo', 'tx-udp-segmentation', 'off');
    const drop = network === 'loss' ? ['-m', 'statistic', '--mode', 'random', '--probability', LOSS, '-j', 'DROP'] : ['-j', 'ACCEPT'];
    inside('iptables', '-A', 'INPUT', '-p', 'udp', ...drop);
    const { status } = spawnSync('ip', ['netns', 'exec', name, ...command], { stdio: 'inherit' });
    if (status !== 0) throw new Error(`${command.join(' ')} ended with ${status}`);
    const [packets = 0, bytes = 0] =
      /^\s*(\d+)\s+(\d+)\s+(?:DROP|ACCEPT)/m
        .exec(inside('iptables', '-nvxL', 'INPUT'))
        ?.slice(1)
        .map(Number) ?? [];
    const size = bytes / packets;
    if (!(size < LARGEST_PACKET)) throw new Error(`packets of ${size.toFixed(0)} bytes on average: trains are not cut`);
    return [
      `rule on INPUT: ${packets} packets ${network === 'loss' ? 'dropped' : 'passed'}, ${size.toFixed(0)} bytes on average: single datagrams`,
    ];
  } finally {
    execFileSync('ip', ['netns', 'delete', name]);
  }
}

/** ethtool of the system, or from its Debian package, unpacked into a cache and not installed. */
function findEthtool(): string {
  for (const path of ['/usr/sbin/ethtool', '/sbin/ethtool']) if (existsSync(path)) return path;
  const folder = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'kcptun-benchmarks');
  const path = join(folder, 'root', 'usr', 'sbin', 'ethtool');
  if (existsSync(path)) return path;
  mkdirSync(folder, { recursive: true });
  execFileSync('apt-get', ['download', '-qq', 'ethtool', 'libmnl0'], { cwd: folder });
  execFileSync('bash', ['-c', 'for package in ./*.deb; do dpkg -x "$package" root; done'], { cwd: folder });
  return existsSync(path) ? path : join(folder, 'root', 'sbin', 'ethtool');
}
