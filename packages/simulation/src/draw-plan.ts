// From a seed to a plan. What is drawn here decides what the world is tried with: mostly short runs in which two or three things go wrong at
// once, since many short runs find more than few long ones; the marked minority is long or large.

import { CRYPT_METHODS } from '@kcptun/crypt';
import { Random } from '@kcptun/testkit';
import { type Behaviour, type End, type EndSettings, type Fault, type FlowPlan, LEAST_ABSENCE, type PathPlan, type Plan } from './plan.ts';

/** Makes the numbers of `drawExtras` others than those of the rest. */
const EXTRAS = 0x2d35_8dcc;
/** Makes the numbers of `drawSleep` others than those of the rest. */
const SLEEPS = 0x51ee_9000;
/** Makes the numbers of `drawAddress` others than those of the rest. */
const ADDRESSES = 0x0add_7e55;
/** The same for `drawSpoofing`. */
const SPOOFING = 0x51f1_5eed;
/** The same for `drawRoaming`. */
const ROAMING = 0x0b0a_3e4d;
const MODES = ['normal', 'fast', 'fast2', 'fast3'] as const;

/** Draws the plan of a seed: the same one always. */
export function drawPlan(seed: number): Plan {
  const random = new Random(seed);
  const settings = drawSettings(random);
  const thin = isThin(settings);
  const calmAt = random.pick([2000, 5000, 10_000, 20_000, 60_000, 150_000]);
  const up = drawPath(random, settings);
  const down = random.chance(0.6) ? up : drawPath(random, settings);
  const greeting = random.chance(0.2) ? random.integer(4, 500) : 0;
  const plan: Plan = {
    seed,
    settings,
    connections: random.chance(0.75) ? 1 : random.integer(2, 4),
    greeting,
    up,
    down,
    calmAt,
    faults: drawFaults(random, calmAt),
    flows: drawFlows(random, calmAt, thin ? 0.02 : 1),
  };
  const different = drawDifference(random, settings);
  const settled = drawAddress(new Random(seed ^ ADDRESSES), different === undefined ? plan : { ...plan, serverSettings: different });
  const whole = drawExtras(new Random(seed ^ EXTRAS), settled);
  const slept = drawSleep(new Random(seed ^ SLEEPS), whole, thin ? 0.02 : 1);
  const roaming = drawRoaming(new Random(seed ^ ROAMING), slept, thin ? 0.02 : 1);
  return drawSpoofing(new Random(seed ^ SPOOFING), roaming);
}

/** Now and then the client's ports change while a large flow goes one way only, often without FEC. */
function drawRoaming(random: Random, plan: Plan, share: number): Plan {
  if (!random.chance(0.06)) return plan;
  const { calmAt, settings } = plan;
  const size = Math.max(200, Math.floor(random.integer(100_000, 1_000_000) * share));
  const upward = random.chance(0.5);
  const behaviour: Behaviour = { chunk: 30_000, end: 'half' };
  const at = random.integer(0, Math.floor(calmAt / 2));
  const flow: FlowPlan = { at, up: upward ? size : 4, down: upward ? 0 : size, app: behaviour, target: behaviour };
  const faults = Array.from({ length: random.integer(1, 3) }, (): Fault => {
    return { kind: 'rebind', at: random.integer(at, calmAt - 1), roam: random.chance(0.5) };
  });
  const bare = random.chance(0.5) ? { dataShards: 0, parityShards: 0 } : {};
  return {
    ...plan,
    settings: { ...settings, session: { ...settings.session, ...bare } },
    faults: [...plan.faults, ...faults].sort((a, b) => a.at - b.at),
    flows: [...plan.flows, flow],
  };
}

/** What came later still: a stranger who writes the client's addresses. */
function drawSpoofing(random: Random, plan: Plan): Plan {
  if (!random.chance(0.08)) return plan;
  const at = random.integer(0, plan.calmAt - 1);
  const fault: Fault = { kind: 'stranger', at, count: random.integer(1, 100), what: 'spoof' };
  return { ...plan, faults: [...plan.faults, fault].sort((a, b) => a.at - b.at) };
}

/** What came later, from numbers of its own: the rest of each seed's plan stays what it was. */
function drawExtras(random: Random, plan: Plan): Plan {
  const { session = {}, smux = {} } = plan.settings;
  const settings: EndSettings = {
    ...plan.settings,
    ...(random.chance(0.1) ? { closeWait: random.pick([1, 500, 10_000]) } : {}),
    ...(random.chance(0.1) ? { replayProtection: false } : {}),
    session: { ...session, ...(random.chance(0.1) ? { rateLimit: random.pick([50_000, 300_000, 3_000_000]) } : {}) },
    smux: {
      ...smux,
      ...(random.chance(0.05) ? { keepAliveInterval: random.pick([500, 2000]), keepAliveTimeout: 30_000 } : {}),
      ...(random.chance(0.03) ? { acceptBacklog: random.integer(1, 3) } : {}),
    },
  };
  if (!random.chance(0.08)) return { ...plan, settings };
  const clientSettings = { autoExpire: random.pick([100, 1000, 10_000]), scavengeTtl: random.pick([-1, 0, 1000, 600_000]) };
  return { ...plan, settings, clientSettings };
}

/**
 * Now and then one end sleeps, or its process is stopped, before the world calms down, for a second to
 * ten minutes; and connections come when it is back, for which nothing excuses an error any more.
 */
function drawSleep(random: Random, plan: Plan, share: number): Plan {
  if (!random.chance(0.08)) return plan;
  const at = plan.calmAt;
  const length = random.pick([1000, 3000, 12_000, 35_000, 90_000, 600_000]);
  const end: End = random.chance(0.75) ? 'client' : 'server';
  const fault: Fault = random.chance(0.3)
    ? { kind: 'freeze', at, end, length }
    : { kind: 'suspend', at, end, length, clock: random.pick(['stands', 'goes'] as const) };
  const calmAt = at + length;
  const later = Array.from({ length: random.integer(1, 4) }, () => ({
    ...drawFlow(random, 5000, Math.max(200, 20_000 * share)),
    at: calmAt + random.pick([0, 1, 100, random.integer(0, 20_000)]),
  }));
  return { ...plan, calmAt, faults: [...plan.faults, fault], flows: [...plan.flows, ...later] };
}

/** Now and then the server has two addresses, and is called at the one that is not its own choice. */
function drawAddress(random: Random, plan: Plan): Plan {
  return random.chance(0.15) ? { ...plan, secondAddress: random.pick(['called', 'called', 'first'] as const) } : plan;
}

function drawSettings(random: Random): EndSettings {
  const session: NonNullable<EndSettings['session']> = {
    mode: random.pick(MODES),
    ...drawFec(random),
    ...(random.chance(0.3) ? { mtu: random.pick([100, 200, 500, 1000, 1200, 1400, 1500]) } : {}),
    ...(random.chance(0.3) ? { sndWnd: random.pick([1, 2, 4, 16, 64, 128, 512]) } : {}),
    ...(random.chance(0.3) ? { rcvWnd: random.pick([1, 2, 4, 16, 64, 128, 512]) } : {}),
    ...(random.chance(0.15) ? { nc: 0 } : {}),
    ...(random.chance(0.2) ? { ackNoDelay: true } : {}),
    ...(random.chance(0.1) ? { interval: random.pick([10, 100, 500]) } : {}),
  };
  return {
    key: 'k',
    crypt: random.chance(0.5) ? 'aes' : random.pick(CRYPT_METHODS),
    compression: random.chance(0.5),
    ...(random.chance(0.03) ? { qpp: { count: random.pick([1, 2, 61]) } } : {}),
    smux: drawSmux(random),
    session,
  };
}

function drawFec(random: Random): { dataShards: number; parityShards: number } {
  if (random.chance(0.4)) return { dataShards: 0, parityShards: 0 };
  return random.chance(0.6)
    ? { dataShards: 10, parityShards: 3 }
    : { dataShards: random.integer(1, 30), parityShards: random.integer(1, 10) };
}

function drawSmux(random: Random): NonNullable<EndSettings['smux']> {
  const version = random.chance(0.6) ? 2 : 1;
  if (random.chance(0.6)) return { version };
  const maxReceiveBuffer = random.pick([2000, 65_536, 262_144, 1_048_576]);
  return {
    version,
    maxReceiveBuffer,
    maxStreamBuffer: random.chance(0.5) ? maxReceiveBuffer : Math.max(1, maxReceiveBuffer >> random.integer(1, 4)),
    maxFrameSize: random.pick([100, 1000, 4096, 8192, 32_768, 65_535]),
  };
}

/** Whether so little fits into a round trip that only small transfers end in time. */
function isThin(settings: EndSettings): boolean {
  const { sndWnd = 1024, rcvWnd = 1024, mtu = 1350, interval = 20 } = settings.session ?? {};
  return Math.min(sndWnd, rcvWnd) * mtu < 40_000 || interval > 100;
}

function drawPath(random: Random, settings: EndSettings): PathPlan {
  const delay = random.pick([0, 1, 10, 25, 50, 100, 200]);
  const calm = random.chance(0.15);
  if (calm) return { delay };
  return {
    delay,
    ...(random.chance(0.3) ? { jitter: random.integer(1, 60) } : {}),
    ...(random.chance(0.4) ? { loss: random.pick([0.001, 0.01, 0.05, 0.1, 0.3]) } : {}),
    ...(random.chance(0.15) ? { burst: [random.pick([0.001, 0.01]), random.pick([0.02, 0.1, 0.5])] as const } : {}),
    ...(random.chance(0.2) ? { duplicate: random.pick([0.01, 0.2]) } : {}),
    // Without a checksum nobody could tell.
    ...(random.chance(0.15) && settings.crypt !== 'null' ? { corrupt: random.pick([0.001, 0.02, 0.1]) } : {}),
    ...(random.chance(0.2) ? { reorder: [random.pick([0.01, 0.1, 0.5]), random.integer(1, 100)] as const } : {}),
    ...(random.chance(0.25)
      ? { rate: [random.pick([100_000, 500_000, 2_000_000]), random.pick([20_000, 100_000, 1_000_000])] as const }
      : {}),
  };
}

function drawFaults(random: Random, calmAt: number): Fault[] {
  const count = random.pick([0, 0, 0, 1, 1, 2, 3]);
  return Array.from({ length: count }, () => drawFault(random, calmAt)).sort((a, b) => a.at - b.at);
}

function drawFault(random: Random, calmAt: number): Fault {
  const at = random.integer(0, calmAt - 1);
  const end: End = random.chance(0.5) ? 'server' : 'client';
  const length = Math.min(calmAt - at, random.pick([10, 100, 500, 1000, 3000, 10_000, 40_000]));
  switch (random.integer(0, 8)) {
    case 0:
      return { kind: 'black-out', at, way: random.pick(['up', 'down', 'both'] as const), length };
    case 1:
      return { kind: 'rebind', at, roam: random.chance(0.5) };
    case 2: {
      const pause = random.pick([0, 10, 1000, 5000]);
      return {
        kind: 'restart',
        at,
        end,
        how: random.pick(['stop', 'kill', 'drain'] as const),
        pause: end === 'server' ? Math.max(LEAST_ABSENCE, pause) : pause,
      };
    }
    case 3:
      return { kind: 'freeze', at, end, length };
    case 4:
      return { kind: 'jump', at, end, by: random.pick([1, 50, 1000, 10_000, 100_000, 5_000_000]) };
    case 5:
      return { kind: 'congestion', at, end, length, limit: random.integer(0, 5) };
    case 6:
      return { kind: 'route', at, delay: random.pick([0, 5, 60, 300]) };
    case 7:
      return { kind: 'target-down', at, length };
    default:
      return { kind: 'stranger', at, count: random.integer(1, 200), what: random.pick(['noise', 'replay'] as const) };
  }
}

function drawFlows(random: Random, calmAt: number, share: number): FlowPlan[] {
  const kind = random.integer(0, 99);
  // The marked minorities: crowds of short streams, and one huge stream.
  if (kind < 2) return Array.from({ length: random.integer(300, 2000) * Math.min(1, share * 5) }, () => drawFlow(random, calmAt / 2, 500));
  if (kind < 4) return [drawFlow(random, 100, 0, random.integer(4_000_000, 12_000_000) * share), drawFlow(random, calmAt, 5000)];
  const largest = random.pick([500, 5000, 50_000, 400_000]);
  return Array.from({ length: random.integer(1, 12) }, () => drawFlow(random, calmAt, Math.max(200, Math.floor(largest * share))));
}

function drawFlow(random: Random, latest: number, largest: number, exact?: number): FlowPlan {
  const size = (): number => (exact === undefined ? random.integer(4, Math.max(4, largest)) : Math.floor(exact));
  const up = random.chance(0.05) ? 0 : size();
  const down = up === 0 || random.chance(0.2) ? 0 : size();
  return {
    at: random.integer(0, Math.floor(latest) - 1),
    up,
    down,
    app: drawBehaviour(random, up, down),
    target: drawBehaviour(random, down, up),
  };
}

function drawBehaviour(random: Random, sends: number, receives: number): Behaviour {
  const end = random.pick(['half', 'half', 'half', 'late', 'late', 'hold', 'close', 'reset'] as const);
  return {
    chunk: random.pick([1000, 8192, 30_000, 65_536, 200_000]),
    ...(random.chance(0.15) ? { pace: random.integer(1, 200) } : {}),
    ...(random.chance(0.12) ? { stall: { after: random.integer(0, receives), length: random.pick([100, 2000, 30_000, 100_000]) } } : {}),
    ...(random.chance(0.08) ? { readRate: random.pick([1, 20, 500]) } : {}),
    end,
    ...(end === 'close' || end === 'reset' ? { after: random.integer(0, sends + receives) } : {}),
  };
}

/** Settings in which the server differs: harmless ones often, and now and then one that must not differ. */
function drawDifference(random: Random, settings: EndSettings): Partial<EndSettings> | undefined {
  const kind = random.integer(0, 99);
  if (kind < 25) return { session: { ...settings.session, ...drawFec(random), mode: random.pick(MODES) } };
  if (kind < 30) return { session: { ...settings.session, sndWnd: random.pick([1, 32, 1024]), mtu: random.pick([150, 600, 1400]) } };
  if (kind === 30) return { key: 'another' };
  if (kind === 31) return { crypt: settings.crypt === 'aes' ? 'salsa20' : 'aes' };
  if (kind === 32) return { compression: !settings.compression };
  if (kind === 33) return { smux: { ...settings.smux, version: settings.smux?.version === 1 ? 2 : 1 } };
  return undefined;
}
