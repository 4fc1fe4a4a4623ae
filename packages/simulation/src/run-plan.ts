// One run from beginning to end: builds the world, lets the plan happen, waits until everything has ended, and judges.

import type { ByteConnection, Host } from '@kcptun/transport';
import { Flow, type Part, Party, type Surroundings, UNKNOWN } from './flow.ts';
import { judgeBaseLine, judgeCounters, judgeFlows, judgeIdle, judgeSources } from './oracles.ts';
import type { Outcome, Violation } from './outcome.ts';
import { type End, type Fault, LEAST_ABSENCE, type Plan, settingsOf } from './plan.ts';
import { CLIENT, ROAMED, SERVER, Stage, type WrapHost } from './stage.ts';
import { Traffic } from './traffic.ts';

/** Ends that are sent once the world is calm take this long at most, in ms: a session that was lost is noticed and made anew meanwhile. */
const SETTLE_TIME = 240_000;
/** After the last flow, in ms: sessions whose peer has gone are given up, and everything is acknowledged. */
const QUIET_TIME = 100_000;
/** How often promises get a turn, in ms. */
const SLICE = 50;
/** The most violations that are kept. */
const MAX_VIOLATIONS = 20;
const GREETING_SEED = 0x6172_6767;
/** How long a draining end may take, in ms. */
const DRAIN_TIME = 5000;

/** Options of {@link runPlan}. */
export interface RunOptions {
  /** Takes the timeline: a line with its time. */
  readonly onNote?: (at: number, text: string) => void;
  /** Whether the timeline has a line for each datagram. */
  readonly datagrams?: boolean;
  /** Whether kernels may run as WebAssembly; default yes unless the environment says KCPTUN_NO_WASM=1. */
  readonly wasm?: boolean;
  /** Replaces the hosts that the tunnels see: how tests plant bugs. */
  readonly wrapHost?: WrapHost;
}

/** Runs a plan. Never throws for what the tunnel does: that is a violation. */
export async function runPlan(plan: Plan, options: RunOptions = {}): Promise<Outcome> {
  const run = new Run(plan, options);
  return run.go();
}

class Run {
  readonly #plan: Plan;
  readonly #stage: Stage;
  readonly #traffic: Traffic;
  readonly #flows: Flow[];
  readonly #around: Surroundings;
  readonly #violations: Violation[] = [];
  readonly #onNote: ((at: number, text: string) => void) | undefined;
  /** Connections of the target that were accepted so far. */
  #accepted = 0;
  readonly #anonymous: Party[] = [];
  /** When an end that is away may be back. */
  readonly #backAt: { client: number; server: number } = { client: 0, server: 0 };
  #calm = false;
  #delivered = 0;

  constructor(plan: Plan, options: RunOptions) {
    this.#plan = plan;
    this.#onNote = options.onNote;
    const now = (): number => this.#stage.world.clock.now;
    const note = (text: string): void => this.#onNote?.(now(), text);
    this.#traffic = new Traffic(now, options.datagrams === true ? note : undefined);
    const { wrapHost = (host): Host => host, wasm } = options;
    this.#stage = new Stage(plan, { note, tap: this.#traffic }, wrapHost, wasm);
    this.#flows = plan.flows.map((flow, index) => new Flow(index, flow));
    this.#around = { clock: this.#stage.world.clock, calm: () => this.#calm, violate: this.#violate, note };
  }

  async go(): Promise<Outcome> {
    try {
      await this.#happen();
    } catch (error) {
      this.#violate('thrown', error instanceof Error ? (error.stack ?? error.message) : String(error));
    }
    const { clock } = this.#stage.world;
    return {
      violations: this.#violations,
      digest: `${this.#traffic.digest}:${this.#delivered}:${clock.now}`,
      elapsed: clock.now,
      datagrams: this.#traffic.datagrams,
      delivered: this.#delivered,
    };
  }

  async #happen(): Promise<void> {
    const stage = this.#stage;
    const { clock } = stage.world;
    stage.listenForTargets((connection) => this.#accept(connection));
    await stage.start('server');
    await stage.start('client');
    for (const flow of this.#flows) clock.schedule(flow.plan.at, () => this.#connect(flow));
    for (const fault of this.#plan.faults) await this.#fault(fault);
    await this.#advance(this.#plan.calmAt);
    // An end that is to come back later than the calm begins now.
    for (const end of ['server', 'client'] as const) {
      await this.#advance(this.#backAt[end]);
      await this.#restart(end);
    }
    this.#calmDown();
    await this.#advanceUntil(() => this.#ended, this.#plan.calmAt + SETTLE_TIME + this.#transferTime());
    this.#countDelivered();
    judgeFlows(this.#plan, this.#flows, this.#violate);
    for (const { name, closed, heardHead } of this.#anonymous) {
      if (!closed && heardHead === undefined) this.#violate('progress', `${name} is still open, and never heard from anyone`);
    }
    if (!this.#ended) return;
    await this.#advance(clock.now + QUIET_TIME);
    // A keepalive may be on its way, or what was sent to someone who does not want it.
    await this.#advanceUntil(() => this.#settled, clock.now + 10_000 + this.#transferTime());
    for (const life of [stage.client, stage.server]) if (life !== undefined) judgeIdle(life, this.#violate);
    const settled = this.#settled;
    for (const end of ['client', 'server'] as const) stage.end(end, 'stop');
    await this.#advance(clock.now + 1000);
    for (const life of stage.lives) {
      if (!life.killed) judgeBaseLine(life, this.#violate);
      for (const misuse of life.host.misuses) this.#violate('misuse', `${life.end}: ${misuse}`);
    }
    judgeSources(stage, this.#traffic, this.#violate);
    judgeCounters(stage, this.#traffic, settled, this.#violate);
  }

  /** Whether every flow is over for both of its ends. */
  get #ended(): boolean {
    return (
      this.#flows.every(
        ({ app, refused, targets }) => (app === undefined ? refused : app.closed) && targets.every(({ closed }) => closed),
      ) && this.#anonymous.every(({ closed }) => closed)
    );
  }

  get #settled(): boolean {
    return [this.#stage.client, this.#stage.server].every((life) => life?.tunnel.stats().links.every((link) => link.settled));
  }

  #connect(flow: Flow): void {
    this.#stage.connect((error, connection) => {
      if (connection === undefined) {
        flow.refused = true;
        this.#around.note(`flow ${flow.index}: ${(error as Error).message}`);
        return;
      }
      this.#around.note(`flow ${flow.index}: connected, ${flow.plan.up} bytes up, ${flow.plan.down} down`);
      const { greeting } = this.#plan;
      const expects = greeting > 0 ? [{ length: greeting, seed: GREETING_SEED }, flow.down] : [flow.down];
      const onHead = greeting === 0 ? undefined : (head: number): void => this.#identifyTarget(flow, head);
      flow.app = new Party(`flow ${flow.index} app`, connection, this.#around, flow.plan.app, [flow.up], expects, onHead);
    });
  }

  #accept(connection: ByteConnection): void {
    const number = this.#accepted;
    this.#accepted += 1;
    const { greeting } = this.#plan;
    const sends: Part[] = greeting > 0 ? [{ length: greeting, head: number, seed: GREETING_SEED }] : [];
    const target: Party = new Party(`target ${number}`, connection, this.#around, UNKNOWN, sends, [], (head) => {
      const flow = this.#flows[head];
      if (flow === undefined) {
        this.#violate('identity', `${target.name} was told that it is flow ${head}`);
        return;
      }
      this.#around.note(`${target.name}: is flow ${head}`);
      flow.targets.push(target);
      target.learn(flow.plan.target, flow.down, flow.up);
    });
    this.#anonymous.push(target);
  }

  /** An application learns whom it talks to: no other application may have heard the same. */
  #identifyTarget(flow: Flow, head: number): void {
    const other = this.#flows.find((candidate) => candidate !== flow && candidate.app?.heardHead === head);
    if (other !== undefined) this.#violate('identity', `flows ${flow.index} and ${other.index} hear the same target ${head}`);
    if (head >= this.#accepted) this.#violate('identity', `flow ${flow.index} hears target ${head}, which does not exist`);
  }

  async #fault(fault: Fault): Promise<void> {
    await this.#advance(fault.at);
    const stage = this.#stage;
    const { world } = stage;
    const { at, kind, ...rest } = fault;
    this.#around.note(`fault: ${kind} ${JSON.stringify(rest)}`);
    if (fault.kind === 'black-out') {
      const until = Math.min(fault.at + fault.length, this.#plan.calmAt);
      if (until <= world.clock.now) return;
      if (fault.way !== 'down') world.link(CLIENT, SERVER).blackOut(world.clock.now, until);
      if (fault.way !== 'up') world.link(SERVER, CLIENT).blackOut(world.clock.now, until);
    } else if (fault.kind === 'rebind') {
      world.rebind(CLIENT, fault.roam ? ROAMED : undefined);
    } else if (fault.kind === 'restart') {
      const life = stage[fault.end];
      await this.#endOf(fault.end, fault.how);
      if (life !== undefined) this.#backAt[fault.end] = world.clock.now + Math.min(fault.pause, LEAST_ABSENCE);
      world.clock.after(fault.pause, () => {
        void this.#restart(fault.end).catch((error: unknown) => this.#violate('thrown', String(error)));
      });
    } else if (fault.kind === 'freeze') {
      stage[fault.end]?.host.process.freeze(Math.min(fault.length, this.#plan.calmAt - fault.at));
    } else if (fault.kind === 'suspend') {
      const length = Math.min(fault.length, this.#plan.calmAt - fault.at);
      const until = world.clock.now + length;
      for (const [link] of stage.paths) link.blackOut(world.clock.now, until);
      const process = stage[fault.end]?.host.process;
      if (fault.clock === 'stands') process?.suspend(length);
      else process?.freeze(length);
    } else if (fault.kind === 'jump') {
      stage[fault.end]?.host.process.jump(fault.by);
    } else if (fault.kind === 'congestion') {
      const host = stage[fault.end]?.host;
      if (host === undefined) return;
      host.sendLimit = fault.limit;
      world.clock.after(fault.length, () => {
        host.sendLimit = Number.POSITIVE_INFINITY;
      });
    } else if (fault.kind === 'route') {
      for (const [link] of stage.paths) link.setDelay(fault.delay);
    } else if (fault.kind === 'target-down') {
      stage.refuseTargets();
      world.clock.after(fault.length, () => stage.listenForTargets((connection) => this.#accept(connection)));
    } else {
      stage.strange(fault.count, fault.what);
    }
  }

  async #endOf(end: End, how: 'stop' | 'kill' | 'drain'): Promise<void> {
    const stage = this.#stage;
    const life = stage[end];
    if (life === undefined) return;
    if (how === 'drain') {
      const over = this.#stage.world.clock.now + DRAIN_TIME + 1000;
      let drained = false;
      void life.tunnel.drain(DRAIN_TIME).then(() => {
        drained = true;
      });
      await this.#advanceUntil(() => drained, over);
      if (!drained && stage[end] === life && life.host.process.running) this.#violate('progress', `${end}: drain does not end`);
    }
    if (stage[end] === life) stage.end(end, how === 'kill' ? 'kill' : 'stop');
  }

  async #restart(end: End): Promise<void> {
    const due = this.#stage.world.clock.now >= this.#backAt[end];
    if (due && this.#stage[end] === undefined) await this.#stage.start(end);
  }

  #calmDown(): void {
    this.#around.note('calm');
    this.#calm = true;
    this.#stage.calm();
    for (const flow of this.#flows) for (const party of [flow.app, ...flow.targets]) party?.handleCalm();
    for (const party of this.#anonymous) party.handleCalm();
  }

  #countDelivered(): void {
    for (const { app } of this.#flows) this.#delivered += app?.received ?? 0;
    for (const { received } of this.#anonymous) this.#delivered += received;
  }

  /** The most time that the bytes of the plan need once nothing goes wrong, in ms, with ten times of what arithmetic says. */
  #transferTime(): number {
    const { flows, up, down } = this.#plan;
    const bytes = flows.reduce((sum, flow) => sum + flow.up + flow.down, 0) + flows.length * 200;
    const delays = [up, down].map(({ delay, jitter = 0 }) => delay + jitter);
    const rates = [up, down].map(({ rate }) => (rate === undefined ? Number.POSITIVE_INFINITY : rate[0] / 1000));
    const queues = [up, down].map(({ rate }) => (rate === undefined ? 0 : (rate[1] * 1000) / rate[0]));
    const ends = (['client', 'server'] as const).map((end) => settingsOf(this.#plan, end));
    const windows = ends.map(({ session }) => Math.min(session?.sndWnd ?? 1024, session?.rcvWnd ?? 1024));
    const routes = this.#plan.faults.flatMap((fault) => (fault.kind === 'route' ? [2 * fault.delay] : []));
    const roundTrip =
      Math.max(...routes, delays[0]! + delays[1]! + queues[0]! + queues[1]!) +
      2 * Math.max(...ends.map(({ session }) => session?.interval ?? 40));
    // The least of a datagram's room that is left for payload, with the headers of all layers taken off.
    const payload = Math.max(8, Math.min(...ends.map(({ session }) => session?.mtu ?? 1350)) - 60);
    const smuxWindow = Math.min(...ends.map(({ smux }) => smux?.maxStreamBuffer ?? 65_536));
    const limits = ends.map(({ session }) => (session?.rateLimit ?? 0) / 1000 || Number.POSITIVE_INFINITY);
    const perMs = Math.min(...rates, ...limits, (Math.min(...windows) * payload) / roundTrip, smuxWindow / roundTrip);
    return (10 * bytes) / perMs;
  }

  readonly #violate = (oracle: string, text: string): void => {
    if (this.#violations.length >= MAX_VIOLATIONS) return;
    this.#violations.push({ oracle, text, at: this.#stage.world.clock.now });
    this.#around.note(`VIOLATION ${oracle}: ${text}`);
  };

  #advance(time: number): Promise<void> {
    return this.#advanceUntil(() => false, time);
  }

  /** Lets the world go on until `done` or `time`, with a turn for promises in each slice. */
  async #advanceUntil(done: () => boolean, time: number): Promise<void> {
    const { clock } = this.#stage.world;
    while (clock.now < time && !done()) {
      const next = clock.next;
      const step = Math.max(clock.now + SLICE, next ?? time);
      clock.advanceTo(Math.min(time, step));
      await runPromises();
    }
  }
}

/** Lets everything run that waits for promises which are resolved. */
async function runPromises(): Promise<void> {
  for (let turn = 0; turn < 8; turn++) await undefined;
}
