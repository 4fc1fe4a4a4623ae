// One scenario with one contender: starts it on both hosts, measures, ends it.

import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { median, quantile } from '@kcptun/testkit';
import { findPrograms } from '../tunnel-programs.ts';
import { type Contender, findContender, type TunnelEnd } from './contenders.ts';
import { type Arrivals, arrivalsOf, jain, queueOf, rateOf, recoveryOf, seriesOf } from './figures.ts';
import { FAR_ADDRESS, type HostName, type Lab, type LinkReport, openLab } from './lab.ts';
import type { PeerLine, Plan } from './peer.ts';
import { type FigureName, type Scenario, SECONDS, WARM_UP } from './scenarios.ts';

/** What one run showed. */
export interface Run {
  readonly figures: Partial<Record<FigureName, number>>;
  /** Mbit/s of each flow in steps of {@link SERIES_STEP} from the beginning of the first. */
  readonly series: readonly (readonly number[])[];
  /** Processes that wanted a processor when it began. */
  readonly load: number;
  /** The link's own lateness, ms. */
  readonly late: LinkReport['late'];
  /** How long the tunnels' main threads stood in line for a processor, % of the time; the worst of them. Undefined without a tunnel. */
  readonly waited?: number;
}

/** How a run is made. */
export interface RunOptions {
  readonly seed: number;
  /** Priority of all programs but the link. */
  readonly nice: number;
  /** Whether one core is kept busy by a loop of the same priority. */
  readonly busy: boolean;
}

/** ms */
export const SERIES_STEP = 500;
const TARGET_PORT = 7001;
const UDP_PORT = 7100;
const LOCAL_PORT = 7200;
/** What both ends of every tunnel are started with. */
const COMMON_FLAGS = ['--key', 'benchmark', '--nocomp', '--smuxver', '2', '--closewait', '0', '--quiet'];
/** Payload of a segment with the usual mtu, bytes. */
const SEGMENT_BYTES = 1297;
/** What a run may take beyond its plan, ms. */
const PATIENCE_MS = 45_000;
const COUNTERS_FILE = 'counters.csv';

/** @throws {Error} when the programs do not carry what they should in time */
export async function runScenario(scenario: Scenario, contender: Contender, options: RunOptions): Promise<Run> {
  const others = (scenario.others ?? []).map((other) => ({
    ...other,
    contender: other.contender === 'same' ? contender : findContender(other.contender),
  }));
  const members = [{ contender, delay: 0 }, ...others];
  const seconds = WARM_UP + (scenario.seconds ?? SECONDS);
  const tcp = members.map((member) => member.contender.tcp).find((name) => name !== undefined) ?? 'cubic';
  const load = loadavg()[0] ?? 0;
  const lab = await openLab(scenario.link, options.seed, tcp, options.nice);
  const timer = setTimeout(() => void lab.close(), seconds * 1000 + PATIENCE_MS);
  try {
    if (options.busy) lab.start('near', [process.execPath, '-e', 'for (;;);']);
    const lines: PeerLine[] = [];
    const peer = join(import.meta.dirname, 'peer.js');
    readLines(lab.start('far', [process.execPath, peer, 'serve', `${TARGET_PORT}`]), lines, lab);
    const direction: 'up' | 'down' = scenario.direction ?? 'down';
    const countsAgain = scenario.figures.includes('sentAgain');
    const sender: HostName = direction === 'up' ? 'near' : 'far';
    const tunnels: ChildProcess[] = [];
    const flows = members.map((member, index) => {
      if (member.contender.tcp === undefined)
        tunnels.push(...startTunnel(lab, member.contender, index, sender, countsAgain ? lab.folder : undefined));
      const place =
        member.contender.tcp === undefined ? { host: '127.0.0.1', port: LOCAL_PORT + index } : { host: FAR_ADDRESS, port: TARGET_PORT };
      return { ...place, direction, delay: member.delay };
    });
    // The far programs need a moment before they listen; for the near ones the measuring end waits.
    await sleep(1500);
    const [first] = flows;
    const needsMessages = scenario.figures.includes('p50');
    const plan: Plan = {
      flows,
      probe: { host: FAR_ADDRESS, port: TARGET_PORT },
      ...(needsMessages && first !== undefined ? { message: first } : {}),
      ...(scenario.files === undefined ? {} : { files: scenario.files }),
      warmUp: WARM_UP,
      seconds,
    };
    const measuring = lab.start('near', [process.execPath, peer, 'measure', JSON.stringify(plan)]);
    readLines(measuring, lines, lab);
    // Also its output is read to the end.
    await once(measuring, 'close');
    const end = lines.find((line) => line.kind === 'end');
    const begin = lines.find((line) => line.kind === 'begin');
    if (end === undefined || begin === undefined) throw new Error('it did not finish');

    const arrivals = arrivalsOf(lines);
    const own = arrivals.get(0) ?? [];
    const from = begin.at + WARM_UP * 1000;
    const to = begin.at + seconds * 1000;
    const lastReport = own.at(-1)?.[0] ?? 0;
    if (scenario.files === undefined && lastReport < to) throw new Error(`the last report came ${(to - lastReport).toFixed(0)} ms early`);
    const times = end.messages.map(([, ms]) => ms);
    const queue = queueOf(end.probes, from, scenario.link.rtt);
    const all: Partial<Record<FigureName, number>> = {
      goodput: rateOf(own, from, to),
      ...(scenario.files === undefined ? {} : { file: median(end.files) }),
      ...(needsMessages ? { p50: quantile(times, 0.5), p95: quantile(times, 0.95), p99: quantile(times, 0.99) } : {}),
      queueMean: queue.mean,
      queueP95: queue.p95,
      ...sharesOf(scenario, members.length, arrivals, begin.at, to),
      ...(countsAgain ? { sentAgain: readSentAgain(lab, contender, sender) } : {}),
    };
    for (const { figure, at, limit } of scenario.recoveries ?? []) {
      const next = scenario.recoveries?.map((each) => each.at).find((each) => each > at) ?? seconds;
      all[figure] = recoveryOf(own, begin.at + at * 1000, begin.at + next * 1000, limit);
    }
    const figures = Object.fromEntries(scenario.figures.map((name) => [name, all[name] ?? Number.NaN]));
    const series = members.map((_, index) => seriesOf(arrivals.get(index) ?? [], begin.at, to, SERIES_STEP));
    const waited = tunnels.map((tunnel) => readWait(tunnel) / 1e7 / seconds);
    return { figures, series, load, late: (await lab.endLink()).late, ...(tunnels.length === 0 ? {} : { waited: Math.max(...waited) }) };
  } finally {
    clearTimeout(timer);
    await lab.close();
  }
}

/** What the flows have of the line, when the last has been there for ten seconds, or half of the time. */
function sharesOf(
  scenario: Scenario,
  count: number,
  arrivals: ReadonlyMap<number, Arrivals>,
  begin: number,
  to: number,
): Partial<Record<FigureName, number>> {
  if (count === 1) return {};
  const isTcp = scenario.others?.some(({ contender }) => contender !== 'same') ?? false;
  const from = isTcp ? begin + 5000 : to - 10_000;
  const rates = Array.from({ length: count }, (_, flow) => rateOf(arrivals.get(flow) ?? [], from, to));
  const sum = rates.reduce((total, rate) => total + rate, 0);
  return isTcp ? { share: ((rates[0] ?? 0) / sum) * 100, goodput: sum } : { jain: jain(rates), goodput: sum };
}

function readLines(child: ChildProcess, lines: PeerLine[], lab: Lab): void {
  createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (text) => {
    const line = JSON.parse(text) as PeerLine;
    if (line.kind === 'begin') lab.begin();
    lines.push(line);
  });
}

/** @param folder - where the sender leaves its counters, if it does */
function startTunnel(
  lab: Lab,
  { server, client }: Contender,
  index: number,
  sender: HostName,
  folder: string | undefined,
): readonly ChildProcess[] {
  const address = `${FAR_ADDRESS}:${UDP_PORT + index}`;
  const start = (host: HostName, end: TunnelEnd | undefined, places: string[]): ChildProcess[] => {
    const [program] = end === undefined ? [] : findPrograms([end.program]);
    if (end === undefined || program === undefined) return [];
    const counters = host === sender && folder !== undefined ? ['--snmplog', join(folder, COUNTERS_FILE), '--snmpperiod', '1'] : [];
    const command = host === 'far' ? program.server : program.client;
    return [lab.start(host, [...command, ...places, ...COMMON_FLAGS, ...end.flags, ...counters], program.env)];
  };
  return [
    ...start('far', server, ['-l', address, '-t', `127.0.0.1:${TARGET_PORT}`]),
    ...start('near', client, ['-l', `127.0.0.1:${LOCAL_PORT + index}`, '-r', address]),
  ];
}

/** Nanoseconds that a main thread has been ready and not running. */
function readWait({ pid }: ChildProcess): number {
  return Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[1]);
}

/** What was sent again, in percent of what was to be sent. */
function readSentAgain(lab: Lab, contender: Contender, sender: HostName): number {
  if (contender.tcp !== undefined) {
    const { sent, sentAgain } = lab.readTcp(sender);
    return (sentAgain / (sent - sentAgain)) * 100;
  }
  const lines = readFileSync(join(lab.folder, COUNTERS_FILE), 'utf8').trim().split('\n');
  const names = (lines[0] ?? '').split(',');
  const values = (lines.at(-1) ?? '').split(',');
  const of = (name: string): number => Number(values[names.indexOf(name)]);
  return (of('RetransSegs') / (of('BytesSent') / SEGMENT_BYTES)) * 100;
}
