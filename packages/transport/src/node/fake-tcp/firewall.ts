// The firewall rules of fake TCP: the kernel's own segments of its connections have a TTL of 1 and are dropped, so that none gets between ours
// (PROTOCOL tunnel §11). A rule must not outlive the process:
//
//   - it goes with the socket that needed it; what is left at the exit of the process is removed before the process is gone;
//   - each has a comment that names the process by id, start time and namespace. What a killed process has left behind is found by it,
//     and removed, when the next one starts.

import { execFile, spawnSync } from 'node:child_process';
import { readFileSync, readlinkSync } from 'node:fs';

/** How long a call waits for the lock of iptables in s. */
const LOCK_SECONDS = '5';
/** How long one call may take in ms. */
const CALL_TIMEOUT = 10_000;
/** How long the exit of the process waits in ms for a rule that was just being installed. */
const EXIT_PATIENCE = 2000;
const EXIT_PAUSE = 20;
/** What iptables says when there is no such rule. */
const NOT_THERE = /does a matching rule exist/;
/** What begins the comment of each rule. */
const MARK = 'kcptun-node';

/** A rule that is installed, or on its way. */
export interface FirewallRule {
  /** Removes it, soon; when the process ends before that, then. Idempotent. */
  remove(): void;
}

/** How a rule is told to iptables. */
interface Rule {
  readonly command: string;
  readonly specification: readonly string[];
  /** Whether iptables has said that it is there. */
  installed: boolean;
}

const present: Set<Rule> = new Set();
let atExit = false;

/**
 * Has the kernel's segments with a TTL of 1 dropped that `match` fits.
 * @param match - `--sport`, `-d` and the like
 * @param callback - called once, with an error when the rule could not be installed
 */
export function dropKernelSegments(family: 4 | 6, match: readonly string[], callback: (error: Error | undefined) => void): FirewallRule {
  const hopLimit = family === 4 ? ['-m', 'ttl', '--ttl-eq', '1'] : ['-m', 'hl', '--hl-eq', '1'];
  const comment = ['-m', 'comment', '--comment', processMark()];
  const rule: Rule = {
    command: commandOf(family),
    specification: ['OUTPUT', ...hopLimit, '-p', 'tcp', ...match, ...comment, '-j', 'DROP'],
    installed: false,
  };
  present.add(rule);
  removeAtExit();
  let removed = false;
  const removal = (): void => {
    // What could not be removed now is tried once more at the exit, unless somebody else has removed it.
    execFile(rule.command, argumentsOf('-D', rule), { env: environment(), timeout: CALL_TIMEOUT }, (error, _stdout, stderr) => {
      if (error === null || NOT_THERE.test(stderr)) present.delete(rule);
    });
  };
  execFile(rule.command, argumentsOf('-A', rule), { env: environment(), timeout: CALL_TIMEOUT }, (error, _stdout, stderr) => {
    if (error !== null) {
      present.delete(rule);
      if (!removed) callback(new Error(failureText(rule.command, error, stderr)));
      return;
    }
    rule.installed = true;
    if (removed) removal();
    else callback(undefined);
  });
  return {
    remove: () => {
      if (removed) return;
      removed = true;
      if (rule.installed) removal();
    },
  };
}

/**
 * Removes what dead processes have left behind.
 * @returns why rules cannot be had for this family; `undefined` when they can
 */
export function sweepRules(family: 4 | 6): string | undefined {
  const command = commandOf(family);
  const options = { env: environment(), encoding: 'utf8', timeout: CALL_TIMEOUT } as const;
  const listed = spawnSync(command, ['-w', LOCK_SECONDS, '-S', 'OUTPUT'], options);
  if (listed.error !== undefined) return failureText(command, listed.error, '');
  if (listed.status !== 0) return failureText(command, undefined, listed.stderr);
  for (const rule of staleRules(listed.stdout, isProcessAlive)) spawnSync(command, ['-w', LOCK_SECONDS, '-D', ...rule], options);
  return undefined;
}

/**
 * The rules of a listing (`iptables -S`) whose process is gone, as arguments for `-D`.
 * @param isAlive - whether the process of this id runs that was started at this time and lives in this namespace
 */
export function staleRules(listing: string, isAlive: (mark: string) => boolean): string[][] {
  return listing.split('\n').flatMap((line) => {
    const [verb, ...rule] = line.trim().split(' ');
    const mark = rule[rule.indexOf('--comment') + 1]?.replaceAll('"', '');
    return verb === '-A' && mark?.startsWith(`${MARK}:`) === true && !isAlive(mark) ? [rule.map((word) => word.replaceAll('"', ''))] : [];
  });
}

/** The comment of this process: `kcptun-node:<id>:<start time>:<namespace of ids>`. */
export function processMark(pid: number = process.pid): string {
  return `${MARK}:${pid}:${startTime(pid) ?? 0}:${pidNamespace()}`;
}

/** Whether the process lives that has this mark. One of another namespace cannot be seen and is taken for alive: its rules are not ours to judge. */
export function isProcessAlive(mark: string): boolean {
  const [, pid, started, namespace] = mark.split(':');
  return namespace !== pidNamespace() || startTime(Number(pid)) === started;
}

/** When a process was started, in ticks since boot; `undefined` when there is none, or only its exit code. */
function startTime(pid: number): string | undefined {
  try {
    // Behind the name, which may hold anything: state, and the start time as the 20th word.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

function pidNamespace(): string {
  try {
    return /[0-9]+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0] ?? '0';
  } catch {
    return '0';
  }
}

function commandOf(family: 4 | 6): string {
  return family === 4 ? 'iptables' : 'ip6tables';
}

function argumentsOf(verb: '-A' | '-D', rule: Rule): string[] {
  return ['-w', LOCK_SECONDS, verb, ...rule.specification];
}

/** Services often have no sbin in their path. */
function environment(): NodeJS.ProcessEnv {
  return { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`, LC_ALL: 'C' };
}

function failureText(command: string, error: Error | undefined, stderr: string): string {
  if ((error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT') return `${command} is not installed`;
  const said = stderr.trim().split('\n')[0];
  return `${command}: ${said === undefined || said === '' ? (error?.message ?? 'failed') : said}`;
}

function removeAtExit(): void {
  if (atExit) return;
  atExit = true;
  process.on('exit', () => {
    const pause = new Int32Array(new SharedArrayBuffer(4));
    for (const rule of present) {
      // One that was just being installed may appear a moment later.
      for (let waited = 0; waited < EXIT_PATIENCE; waited += EXIT_PAUSE) {
        const { status } = spawnSync(rule.command, argumentsOf('-D', rule), { env: environment(), timeout: CALL_TIMEOUT });
        if (status === 0 || rule.installed) break;
        Atomics.wait(pause, 0, 0, EXIT_PAUSE);
      }
    }
  });
}
