// Two network namespaces with a cable between them: the machines of a client and of a server, each with a firewall of its own. Programs run
// inside; what they should be reached by from outside is a unix socket.
//
//   near 10.9.0.1, fd09::1  ====== veth ======  10.9.0.2, fd09::2 far

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Program, type ProgramOptions } from '@kcptun/testkit/node';
import { type CapturedPacket, parseCapture } from './capture.ts';

/** Which machine. */
export type End = 'near' | 'far';

const DEVICE = 'v0';
const ADDRESSES = { near: ['10.9.0.1', 'fd09::1'], far: ['10.9.0.2', 'fd09::2'] } as const;
/** Where a datagram goes that ends a capture. */
const MARKER_PORT = 9;
const MOST_WAIT_MS = 30_000;
const NEEDED = ['ip', 'iptables', 'ip6tables', 'tcpdump'];

let made = 0;

/** Why namespaces cannot be had here; `undefined` when they can. */
export function namespacesMissing(): string | undefined {
  if (process.platform !== 'linux') return 'network namespaces: not Linux';
  if (process.getuid?.() !== 0) return 'network namespaces: not root';
  const missing = NEEDED.filter((command) => spawnSync(command, ['-V']).error !== undefined);
  if (missing.length > 0) return `network namespaces: not installed: ${missing.join(', ')}`;
  const name = `kct${process.pid}probe`;
  const probe = spawnSync('ip', ['netns', 'add', name], { encoding: 'utf8' });
  spawnSync('ip', ['netns', 'del', name]);
  return probe.status === 0 ? undefined : `network namespaces: ${probe.stderr.trim()}`;
}

/** Two machines and a folder for sockets and files. */
export class NetworkPair {
  /** A folder that goes with the pair. */
  readonly folder: string = mkdtempSync(join(tmpdir(), 'kcptun-net-'));
  readonly #names: Readonly<Record<End, string>>;
  readonly #programs: Program[] = [];

  constructor() {
    made += 1;
    this.#names = { near: `kct${process.pid}n${made}`, far: `kct${process.pid}f${made}` };
    const { near, far } = this.#names;
    ip('netns', 'add', near);
    ip('netns', 'add', far);
    ip('-n', near, 'link', 'add', DEVICE, 'type', 'veth', 'peer', 'name', DEVICE, 'netns', far);
    for (const end of ['near', 'far'] as const) {
      const [four, six] = ADDRESSES[end];
      ip('-n', this.#names[end], 'addr', 'add', `${four}/24`, 'dev', DEVICE);
      ip('-n', this.#names[end], 'addr', 'add', `${six}/64`, 'dev', DEVICE, 'nodad');
      ip('-n', this.#names[end], 'link', 'set', 'lo', 'up');
      ip('-n', this.#names[end], 'link', 'set', DEVICE, 'up');
    }
  }

  /** The address of a machine. */
  address(end: End, family: 4 | 6): string {
    return ADDRESSES[end][family === 4 ? 0 : 1];
  }

  /** Starts a program on a machine; it is ended with the pair. */
  start(end: End, command: readonly string[], options: ProgramOptions = {}): Program {
    const env = { KCPTUN_KEY: undefined, ...options.env };
    const program = new Program('ip', ['netns', 'exec', this.#names[end], ...command], { name: `${end}: ${command[0]}`, ...options, env });
    this.#programs.push(program);
    return program;
  }

  /** Runs a command on a machine to its end; returns what it has written. */
  run(end: End, ...command: string[]): string {
    return execFileSync('ip', ['netns', 'exec', this.#names[end], ...command], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  }

  /** Rules for outgoing packets on a machine, both families. */
  rules(end: End): string[] {
    return ['iptables', 'ip6tables'].flatMap((command) =>
      this.run(end, command, '-S', 'OUTPUT')
        .split('\n')
        .filter((line) => line.startsWith('-A')),
    );
  }

  /** Loses this share of the TCP segments that come in, at both machines. */
  lose(probability: number): void {
    for (const end of ['near', 'far'] as const) {
      const statistic = ['-m', 'statistic', '--mode', 'random', '--probability', String(probability)];
      this.run(end, 'iptables', '-A', 'INPUT', '-i', DEVICE, '-p', 'tcp', ...statistic, '-j', 'DROP');
    }
  }

  /**
   * Captures what passes the cable at one end.
   * @param filter - as tcpdump takes it
   * @returns ends the capture and gives the packets
   */
  async capture(end: End, filter: string): Promise<() => Promise<CapturedPacket[]>> {
    const file = join(this.folder, `${end}.pcap`);
    const marked = `(${filter}) or udp port ${MARKER_PORT}`;
    // -U: written packet by packet. -Z: the folder is root's.
    const program = this.start(end, ['tcpdump', '-i', DEVICE, '-s', '2048', '-B', '32768', '-U', '-Z', 'root', '-w', file, marked]);
    await program.waitFor(/listening on/);
    return async () => {
      // The kernel hands packets over by the block: a last one tells when all before it are in the file.
      this.run(end, 'bash', '-c', `echo > /dev/udp/${this.address(end === 'near' ? 'far' : 'near', 4)}/${MARKER_PORT}`);
      const isMarker = (packet: CapturedPacket): boolean => packet.destinationPort === MARKER_PORT;
      await poll(() => parseCapture(file).some(isMarker));
      program.signal('SIGINT');
      await program.exited;
      // What the capture has missed would look like a gap.
      if (!/^0 packets dropped by kernel/m.test(program.output)) throw new Error(`the capture is not complete:\n${program.output}`);
      return parseCapture(file).filter((packet) => !isMarker(packet));
    };
  }

  /** Ends all programs and takes everything away. */
  async close(): Promise<void> {
    await Promise.all(this.#programs.map((program) => program.stop()));
    for (const name of Object.values(this.#names)) spawnSync('ip', ['netns', 'del', name]);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function ip(...words: string[]): void {
  execFileSync('ip', words, { stdio: ['ignore', 'pipe', 'pipe'] });
}

/**
 * Waits until something holds.
 * @throws {Error} when it does not within 15 s
 */
export async function poll(condition: () => boolean): Promise<void> {
  const started = performance.now();
  while (!condition()) {
    if (performance.now() - started > MOST_WAIT_MS) throw new Error(`did not come true within ${MOST_WAIT_MS} ms: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
