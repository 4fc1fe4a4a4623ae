// One run over a line: the real client and server of each tunnel, in mode auto, on the virtual clock;
// TCP transfers beside them; samples of what arrives and of the queue; and the judgement (judge.ts).

import { Bottleneck, Capacity, patternBytes, Random, type SimLink, SimWorld } from '@kcptun/testkit';
import type { ByteConnection } from '@kcptun/transport';
import { TunnelClient, TunnelServer } from '@kcptun/tunnel';
import type { Outcome, Violation } from '../outcome.ts';
import { type Counts, judgeLine, type Sample } from './judge.ts';
import { type LinePlan, recordedLines, type TunnelPlan } from './plan.ts';
import { TcpFlow } from './tcp.ts';

/** How often what arrives and the queue are looked at, ms. */
const SAMPLE_MS = 50;
const CHUNK = 32_768;
const PACED_MS = 20;
const ARENA_BYTES = 6 * 1024 * 1024;
const PATTERN: Uint8Array = patternBytes(65_536, 0x11e5);
const PATTERN_TWICE: Uint8Array = new Uint8Array(2 * PATTERN.length);
PATTERN_TWICE.set(PATTERN);
PATTERN_TWICE.set(PATTERN, PATTERN.length);

/** Runs a plan. Never throws for what the tunnel does: that is a violation. */
export async function runLine(plan: LinePlan): Promise<Outcome> {
  const run = new LineRun(plan);
  try {
    await run.go();
  } catch (error) {
    run.violate('thrown', error instanceof Error ? (error.stack ?? error.message) : String(error));
  }
  return run.outcome;
}

/** What becomes of one tunnel. */
class Tunnel {
  readonly plan: TunnelPlan;
  readonly client: TunnelClient;
  readonly server: TunnelServer;
  /** Bytes that have arrived. */
  received = 0;

  constructor(plan: TunnelPlan, client: TunnelClient, server: TunnelServer) {
    this.plan = plan;
    this.client = client;
    this.server = server;
  }
}

class LineRun {
  readonly #plan: LinePlan;
  readonly #world: SimWorld;
  readonly #random: Random;
  readonly #capacity: Capacity;
  readonly #forth: Bottleneck;
  readonly #back: Bottleneck | undefined;
  readonly #links: SimLink[] = [];
  readonly #tunnels: Tunnel[] = [];
  readonly #transfers: TcpFlow[] = [];
  readonly #samples: Sample[] = [];
  readonly #violations: Violation[] = [];
  #datagrams = 0;

  constructor(plan: LinePlan) {
    this.#plan = plan;
    this.#world = new SimWorld({ seed: plan.seed, arenaBytes: ARENA_BYTES });
    this.#random = new Random(plan.seed ^ 0x7e57);
    this.#capacity = capacityOf(plan);
    const { policer } = plan;
    this.#forth = new Bottleneck({
      capacity: this.#capacity,
      queue: plan.queue,
      ...(policer === undefined ? {} : { policer: { bytesPerMs: policer.rate * 125, burstBytes: policer.burst } }),
    });
    // A way back that is slow has a queue that is long enough for what comes.
    if (plan.backRate !== undefined) this.#back = new Bottleneck({ capacity: Capacity.constant(plan.backRate * 125), queue: 200 });
  }

  get outcome(): Outcome {
    const delivered = this.#tunnels.reduce((sum, { received }) => sum + received, 0);
    const others = this.#transfers.reduce((sum, { received }) => sum + received, 0);
    const elapsed = this.#world.clock.now;
    return {
      violations: this.#violations,
      digest: `${this.#datagrams}:${this.#forth.offered}:${this.#forth.overflowed}:${delivered}:${others}`,
      elapsed,
      datagrams: this.#datagrams,
      delivered,
    };
  }

  violate(oracle: string, text: string): void {
    if (this.#violations.some((violation) => violation.oracle === oracle)) return;
    this.#violations.push({ oracle, text, at: this.#world.clock.now });
  }

  async go(): Promise<void> {
    const { clock } = this.#world;
    const plan = this.#plan;
    for (const [index, tunnel] of plan.tunnels.entries()) await this.#build(tunnel, index);
    for (const [index, { at, kind }] of plan.transfers.entries()) {
      const forth = this.#lay(this.#world.link(`sender${index}`, `receiver${index}`), true);
      const back = this.#lay(this.#world.link(`receiver${index}`, `sender${index}`), false);
      const transfer = new TcpFlow(clock, forth, back, kind);
      this.#transfers.push(transfer);
      clock.schedule(at, () => transfer.start());
    }
    for (const { at, roundTrip } of plan.changes) {
      if (roundTrip !== undefined) clock.schedule(at, () => this.#links.forEach((link) => void link.setDelay(roundTrip / 2)));
    }
    let before: Counts[] = [];
    for (let at = 0; at < plan.until; at += SAMPLE_MS) {
      // The way ends are started on is a promise now and then: it gets its turn.
      if (at < 1000) await Promise.resolve();
      clock.advanceTo(at);
      this.#sample();
      if (at <= plan.judgedFrom) before = this.#counts();
    }
    clock.advanceTo(plan.until);
    this.#sample();
    judgeLine(plan, this.#capacity, this.#samples, before, this.#counts(), (oracle, text) => this.violate(oracle, text));
    for (const { client, server } of this.#tunnels) {
      client.stop();
      server.stop();
    }
  }

  #sample(): void {
    const { now } = this.#world.clock;
    this.#samples.push({
      at: now,
      queueMs: this.#forth.delay(now),
      received: this.#tunnels.map(({ received }) => received),
      others: this.#transfers.map(({ received }) => received),
    });
  }

  #counts(): Counts[] {
    return this.#tunnels.map(({ client, server }) => {
      const { OutSegs, RetransSegs, EarlyRetransSegs, LostSegs, FastRetransSegs } = (
        this.#plan.way === 'down' ? server : client
      ).counters.snapshot();
      return { sent: OutSegs, again: RetransSegs, copies: EarlyRetransSegs, probes: LostSegs, lost: FastRetransSegs };
    });
  }

  /** One way of the line. */
  #lay(link: SimLink, forth: boolean): SimLink {
    const { roundTrip, loss, burst, jitter, reorder, ackLoss, blackOuts } = this.#plan;
    const share = forth ? loss : ackLoss;
    link
      .setDelay(roundTrip / 2)
      .setJitter(jitter)
      .setBottleneck(forth ? this.#forth : this.#back);
    if (share > 0 && burst > 1) link.setBurstLoss(share / burst / (1 - share), 1 / burst);
    else link.setLoss(share);
    if (reorder !== undefined) link.setReorder(reorder.share, reorder.by);
    for (const { at, length } of blackOuts) link.blackOut(at, at + length);
    this.#links.push(link);
    return link;
  }

  async #build(plan: TunnelPlan, index: number): Promise<void> {
    const world = this.#world;
    const [clientName, serverName] = [`client${index}`, `server${index}`];
    const down = this.#plan.way === 'down';
    this.#lay(world.link(clientName, serverName), !down);
    this.#lay(world.link(serverName, clientName), down);
    for (const [end, name] of [clientName, serverName].entries()) this.#befall(name, this.#plan.clocks?.[end] ?? 0);
    const window = plan.window === undefined ? {} : { rcvWnd: plan.window };
    const shards = plan.fec ? {} : { dataShards: 0, parityShards: 0 };
    const sender = { mode: 'auto', ...shards } as const;
    const receiver = { mode: plan.peer, ...window, ...shards } as const;
    const shared = { key: 'k', crypt: 'none', compression: false } as const;
    world.names.set(serverName, serverName);
    const port = 80 + index;
    const server = new TunnelServer({
      ...shared,
      session: down ? sender : receiver,
      host: world.host(serverName),
      listen: { host: '', minPort: 1, maxPort: 1 },
      target: { host: 'target', port },
    });
    const client = new TunnelClient({
      ...shared,
      session: down ? receiver : sender,
      host: world.host(clientName),
      listen: { host: '', port: 2 },
      remote: { host: serverName, minPort: 1, maxPort: 1 },
    });
    const tunnel = new Tunnel(plan, client, server);
    this.#tunnels.push(tunnel);
    const onTarget = (connection: ByteConnection): void => (down ? this.#write(connection, plan) : this.#read(connection, tunnel));
    world.host('target').listen({ host: '', port }, onTarget, () => {});
    await server.start();
    await client.start();
    world.clock.schedule(plan.at, () => {
      world.host('app').connect({ host: clientName, port: 2 }, (_error, connection) => {
        if (connection === undefined) return this.violate('thrown', 'the application was refused');
        if (down) this.#read(connection, tunnel);
        else this.#write(connection, plan);
        // A stream is opened by its first byte.
        if (down) connection.write(Uint8Array.of(1), () => {});
      });
    });
  }

  /** What goes wrong on a machine. */
  #befall(name: string, clock: number): void {
    const { lateness, stalls, until } = this.#plan;
    const { process } = this.#world.host(name);
    const random = this.#random.fork();
    process.beLate(random, 1, Math.max(1.2, lateness));
    if (clock > 0) process.jump(clock);
    if (stalls === undefined) return;
    for (let at = 2 * stalls * random.float(); at < until; at += 20 + 2 * stalls * random.float()) {
      const length = 20 + 130 * random.float();
      this.#world.clock.schedule(at, () => process.freeze(length));
      at += length;
    }
  }

  #read(connection: ByteConnection, tunnel: Tunnel): void {
    connection.events = {
      onData: (bytes) => {
        let at = 0;
        // Down, the stream is only the writer's; up, too.
        while (at < bytes.length) {
          const from = tunnel.received % PATTERN.length;
          const part = bytes.subarray(at, at + PATTERN.length);
          if (Buffer.compare(part, PATTERN_TWICE.subarray(from, from + part.length)) !== 0) {
            this.violate('content', `wrong bytes after ${tunnel.received}`);
          }
          tunnel.received += part.length;
          at += part.length;
        }
      },
      onEnd: () => this.violate('broken', 'an end that nobody sent'),
      onClose: (error) => {
        if (error !== undefined) this.violate('broken', error.message);
      },
    };
    connection.resume();
  }

  #write(connection: ByteConnection, { load }: TunnelPlan): void {
    const { clock } = this.#world;
    let written = 0;
    connection.events = { onData: () => {}, onEnd: () => {}, onClose: () => {} };
    connection.resume();
    const next = (length: number, onTaken: () => void): void => {
      const from = written % PATTERN.length;
      written += length;
      connection.write(PATTERN_TWICE.subarray(from, from + length), onTaken);
    };
    if (load.kind === 'paced') {
      const length = Math.max(1, Math.min(CHUNK, Math.round(load.share * this.#plan.rate * 125 * PACED_MS)));
      let taken = true;
      const tick = (): void => {
        if (taken) next(length, () => (taken = true));
        taken = false;
        clock.after(PACED_MS, tick);
      };
      tick();
      return;
    }
    const bulk = (): void => {
      const { now } = clock;
      if (load.kind === 'idle' && now >= load.from && now < load.until) clock.schedule(load.until, bulk);
      else next(CHUNK, bulk);
    };
    bulk();
  }
}

/** The capacity over a whole run. */
function capacityOf({ recorded, rate, changes }: LinePlan): Capacity {
  if (recorded !== undefined) {
    const { lines, binMs, packet } = recordedLines();
    const bins = lines[recorded.name] as string;
    const first = recorded.from / binMs;
    return Capacity.recorded(bins.slice(first) + bins.slice(0, first), binMs, packet);
  }
  const steps = [{ at: 0, bytesPerMs: rate * 125 }];
  for (const change of changes) if (change.rate !== undefined) steps.push({ at: change.at, bytesPerMs: change.rate * 125 });
  return new Capacity(steps);
}
