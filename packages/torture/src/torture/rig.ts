// Two real programs with a target behind them, each of which can be ended and started again on the same ports, and the questions that are asked
// after every torture: does it work again, was everything right, is anything left behind?

import { flagsFor, type Kind, type Programs, type Role, type Settings, USUAL_SETTINGS } from '@kcptun/interop';
import type { Random } from '@kcptun/testkit';
import { freePort, Program, startTarget, type Target, TransferError, transfer } from '@kcptun/testkit/node';
import { Churn } from '../soak/churn.ts';
import { countFiles, readState, residentBytes } from './process-state.ts';

/** Options of {@link Rig.open}. */
export interface RigOptions {
  readonly programs: Programs;
  readonly client: Kind;
  readonly server: Kind;
  readonly seed: number;
  /** Whether this is the short form. */
  readonly short: boolean;
  /** Further flags of each program. */
  readonly flags?: Readonly<Partial<Record<Role, readonly string[]>>>;
  /** What a shell does before it becomes a program. */
  readonly prelude?: Readonly<Partial<Record<Role, string>>>;
  /** Asked for each new connection at the target: whether it is left unread. */
  readonly stalls?: () => boolean;
}

/** What failures of ordinary connections a torture may bring about; `wrong` bytes and connections that hang are never right. */
export interface Allowed {
  /** A reset or refused connection. */
  readonly broken?: boolean;
  /** An end that looks orderly at the application: the system's doing where the client is killed. */
  readonly cut?: boolean;
  /** The same at the target: where the server is killed. */
  readonly cutAtTarget?: boolean;
}

/** How long new connections may take once the torture is over, in ms; in the short form, which shares the machine with others, three times as long. */
const RECOVERY = 3000;
const SHORT_RECOVERY = 9000;
/** How long files and streams may be held after that, in ms. */
const SETTLED = 20_000;
/** Resident memory that no program may exceed when all is over, in MiB. */
const MEMORY_LIMIT = 400;
const START_TIMEOUT = 20_000;
const WAIT_STEP = 20;
/**
 * Large transfers at a time, bytes of each in each direction, and how long they may take in ms. More would keep this process, which makes and checks
 * all of the bytes, too busy to measure anything.
 */
const BULKS = 4;
const BULK_BYTES = 2 * 1024 * 1024;
const BULK_TIMEOUT = 60_000;
/** A program has closed what it had open for connections that have ended so long ago, in ms. */
const FINISHED = 200;
const CONNECTIONS = 2;
const SETTINGS: Settings = { ...USUAL_SETTINGS, conn: CONNECTIONS };
const HOST = '127.0.0.1';
const MIB = 2 ** 20;
const ROLES = ['client', 'server'] as const;

/** Waits; the tortures happen in real time. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Waits until a condition holds. @throws {Error} when it does not within `ms` */
export async function until(ms: number, what: string, holds: () => boolean | Promise<boolean>): Promise<number> {
  const started = performance.now();
  while (!(await holds())) {
    if (performance.now() - started > ms) throw new Error(`waited ${ms / 1000} s for ${what}`);
    await pause(WAIT_STEP);
  }
  return performance.now() - started;
}

/** A tunnel under torture. Close it in any case. */
export class Rig {
  readonly target: Target;
  /** TCP port of the client program. */
  readonly port: number;
  /** UDP port of the server program. */
  readonly udpPort: number;
  readonly #options: RigOptions;
  readonly #profilePorts: Readonly<Record<Role, number>>;
  readonly #programs = new Map<Role, Program>();
  readonly #files = new Map<Role, number>();
  /** Everything that earlier runs of a program have said. */
  #history = '';

  private constructor(options: RigOptions, target: Target, ports: readonly [number, number, number, number]) {
    this.#options = options;
    this.target = target;
    this.port = ports[0];
    this.udpPort = ports[1];
    this.#profilePorts = { client: ports[2], server: ports[3] };
  }

  /** Starts both programs, makes their sessions and notes what they hold then. */
  static async open(options: RigOptions): Promise<Rig> {
    const target = await startTarget(options.stalls === undefined ? {} : { stalls: options.stalls });
    const rig = new Rig(options, target, [await freePort(), await freePort(), await freePort(), await freePort()]);
    try {
      await rig.start('server');
      await rig.start('client');
      await rig.probe();
      await rig.#noteFiles();
      return rig;
    } catch (error) {
      throw await rig.failed(error);
    }
  }

  /** A program as it runs now. */
  program(role: Role): Program {
    return this.#programs.get(role) as Program;
  }

  /** The process id of a program that runs. */
  pid(role: Role): number {
    return this.program(role).pid as number;
  }

  /** Starts a program; nobody waits until it is ready. */
  launch(role: Role): Program {
    const prelude = this.#options.prelude?.[role];
    const line = this.#commandLine(role);
    const [command, ...args] = prelude === undefined ? line : (['sh', '-c', `${prelude}; exec "$@"`, 'sh', ...line] as const);
    const name = `${this.#options[role]} ${role}`;
    const program = new Program(command, args, { name, env: { KCPTUN_KEY: undefined } });
    this.#programs.set(role, program);
    return program;
  }

  /** Starts a program and waits until it listens. */
  async start(role: Role): Promise<void> {
    const program = this.launch(role);
    if (this.#options[role] !== 'ours') {
      await program.waitFor(role === 'server' ? /Listening on: .*\/udp/ : /key derivation done/, { timeoutMs: START_TIMEOUT });
      return;
    }
    // What ours says may go to a full disk. Its statistics are served last of all.
    const port = this.#profilePorts[role];
    const ready = until(START_TIMEOUT, `the ${role} to start`, () =>
      readState(port).then(
        () => true,
        () => false,
      ),
    );
    await program.during(ready);
  }

  /** Ends a program as a crash does. */
  async kill(role: Role): Promise<void> {
    const program = this.program(role);
    program.signal('SIGKILL');
    await program.exited;
    this.#history += `--- ${role}, killed\n${program.output}`;
  }

  /** Ordinary applications that come and go. */
  churn(rate: number): Churn {
    return new Churn({ port: this.port, rate, seed: this.#options.seed, breakOffs: false });
  }

  /**
   * Connects anew, several times for each session, and exchanges a little.
   * @returns how long the slowest took, in ms
   * @throws {TransferError} when one took longer than `timeoutMs` (default 3 s)
   */
  async probe(timeoutMs: number = this.#recovery): Promise<number> {
    const { port } = this;
    const probes = Array.from({ length: 2 * CONNECTIONS }, (_, seed) => transfer({ port, upload: 3000, download: 5000, seed, timeoutMs }));
    const results = await Promise.all(probes);
    return Math.max(...results.map(({ ms }) => ms));
  }

  /** The time until new connections work. @throws {Error} when they do not within `ms` (default 3 s) */
  async recovered(ms: number = this.#recovery): Promise<number> {
    const started = performance.now();
    for (;;) {
      try {
        await this.probe(Math.min(this.#recovery, Math.max(1, started + ms - performance.now())));
        return performance.now() - started;
      } catch (error) {
        if (performance.now() - started >= ms) throw error;
        await pause(WAIT_STEP);
      }
    }
  }

  /**
   * Large transfers, which resolve with what went wrong. They are under way when the returned promise resolves: the target has got bytes of all.
   */
  async bulk(random: Random): Promise<{ readonly failures: Promise<TransferError[]> }> {
    const { port, target } = this;
    const before = target.stats.uploaded;
    const failures: TransferError[] = [];
    const transfers = Array.from({ length: BULKS }, () =>
      transfer({ port, upload: BULK_BYTES, download: BULK_BYTES, order: 'at-once', seed: random.u32(), timeoutMs: BULK_TIMEOUT }).catch(
        (error: unknown) => {
          if (!(error instanceof TransferError)) throw error;
          failures.push(error);
        },
      ),
    );
    await until(this.#recovery, 'large transfers to begin', () => target.stats.uploaded > before + BULKS * 1024 || failures.length > 0);
    return { failures: Promise.all(transfers).then(() => failures) };
  }

  /** Fails when a connection failed that may not have, or anything wrong was delivered. */
  judge(all: readonly TransferError[], allowed: Allowed = {}): void {
    const failures = all.filter(
      ({ failure }) => !((failure === 'broken' && allowed.broken === true) || (failure === 'cut' && allowed.cut === true)),
    );
    const [first] = failures;
    if (first !== undefined) throw new Error(`${failures.length} connections failed (${first.failure}): ${first.message}`);
    const { wrong, cut } = this.target.stats;
    if (wrong > 0) throw new Error(`the target got ${wrong} uploads with wrong bytes`);
    if (cut > 0 && allowed.cutAtTarget !== true) throw new Error(`${cut} uploads ended too early at the target, and looked complete`);
  }

  /**
   * Waits until both programs hold no more than in the beginning.
   * @param ms - how long that may take (default 20 s)
   * @throws {Error} that tells what is left
   */
  async settle(ms: number = SETTLED): Promise<string> {
    let left = '';
    const took = await until(ms, `nothing to be left behind`, async () => {
      left = await this.#left();
      return left === '';
    }).catch((error: unknown) => {
      throw new Error(`${(error as Error).message}: ${left}`);
    });
    const memory = ROLES.map((role) => residentBytes(this.pid(role)) / MIB);
    if (Math.max(...memory) > MEMORY_LIMIT) throw new Error(`resident memory is ${memory.map(Math.round)} MiB, more than ${MEMORY_LIMIT}`);
    return `nothing left after ${(took / 1000).toFixed(1)} s, rss ${memory.map((size) => size.toFixed(0)).join('/')} MiB`;
  }

  /** An error with all that the programs said. Ends the rig. */
  async failed(error: unknown): Promise<Error> {
    const output = ROLES.map((role) => `--- ${role}\n${this.#programs.get(role)?.output ?? ''}`).join('');
    await this.close();
    return new Error(`${(error as Error).message}\n${this.#history}${output}`, { cause: error });
  }

  /** Ends everything. */
  async close(): Promise<void> {
    await Promise.all([...[...this.#programs.values()].map((program) => program.stop(0)), this.target.close()]);
  }

  get #recovery(): number {
    return this.#options.short ? SHORT_RECOVERY : RECOVERY;
  }

  #commandLine(role: Role): [string, ...string[]] {
    const { programs, flags } = this.#options;
    const kind = this.#options[role];
    const [listenPort, forwardPort] = role === 'client' ? [this.port, this.udpPort] : [this.udpPort, this.target.port];
    const [command, ...first] = programs.command(kind, role);
    const slot = { kind, role, listen: `${HOST}:${listenPort}`, forward: `${HOST}:${forwardPort}` };
    const profile = kind === 'ours' ? ['--pprof', '--pprof-listen', `${HOST}:${this.#profilePorts[role]}`] : [];
    return [command, ...first, ...flagsFor(slot, SETTINGS), ...profile, ...(flags?.[role] ?? [])];
  }

  /** Files of a program with its sessions and nothing else: the number does not fall any more. */
  async #noteFiles(): Promise<void> {
    for (const role of ROLES) {
      await until(this.#recovery, `the connections of the ${role} to be closed`, () => this.target.stats.open === 0);
      await pause(FINISHED);
      this.#files.set(role, countFiles(this.pid(role)));
    }
  }

  async #left(): Promise<string> {
    const left: string[] = [];
    for (const role of ROLES) {
      if (!this.program(role).running) throw new Error(`the ${role} has ended`);
      const [files, before] = [countFiles(this.pid(role)), this.#files.get(role) as number];
      if (files > before) left.push(`${role}: ${files} files, ${before} in the beginning`);
      if (this.#options[role] !== 'ours') continue;
      const { streams, chunks, sessions } = await readState(this.#profilePorts[role]);
      if (streams > 0 || chunks > 0) left.push(`${role}: ${streams} streams, ${chunks} chunks`);
      if (role === 'client' && sessions.length > CONNECTIONS) left.push(`client: ${sessions.length} sessions`);
    }
    return left.join('; ');
  }
}
