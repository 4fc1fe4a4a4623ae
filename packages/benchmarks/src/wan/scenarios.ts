// What `bench:wan` measures, row by row, and what has to be reached.

import type { LinkShape } from './lab.ts';

/** The tables. */
export const GROUPS = {
  loss: 'Lossy lines',
  lines: 'Other lines',
  beside: 'What a bulk transfer does to others on the line',
  recorded: 'Recorded LTE lines',
  changing: 'Lines that change',
  shared: 'Shared lines',
  mixed: 'Mixed peers',
} as const;

/** The figures of a run. Which there are depends on what the scenario measures. */
export const FIGURES = {
  goodput: { title: 'Mbit/s', digits: 1 },
  share: { title: 'share of ours, %', digits: 0 },
  jain: { title: "Jain's index", digits: 3 },
  sentAgain: { title: 'sent again, %', digits: 1 },
  file: { title: 'file, ms', digits: 0 },
  p50: { title: 'message p50, ms', digits: 0 },
  p95: { title: 'p95', digits: 0 },
  p99: { title: 'p99', digits: 0 },
  queueMean: { title: 'queue mean, ms', digits: 1 },
  queueP95: { title: 'p95', digits: 1 },
  recovery: { title: '80 % again after, s', digits: 1 },
  recoveryDown: { title: '80 % of 30 after, s', digits: 1 },
} as const;

/** Name of a figure. */
export type FigureName = keyof typeof FIGURES;

/** What a figure of a contender has to reach. */
export interface Bar {
  readonly contender: string;
  readonly figure: FigureName;
  /** The figure itself, or its ratio to the figure of another contender in the same run. */
  readonly bar?: number;
  readonly aim?: number;
  readonly ratioTo?: string;
  /** The figure must not be more, instead of less. */
  readonly atMost?: true;
}

/** One row. */
export interface Scenario {
  /** How it is named on the command line (`--only`). */
  readonly id: string;
  readonly title: string;
  readonly group: keyof typeof GROUPS;
  readonly link: LinkShape;
  readonly contenders: readonly string[];
  /** The figures of its table, in order. */
  readonly figures: readonly FigureName[];
  readonly bars: readonly Bar[];
  readonly direction?: 'up';
  /** How long goodput counts, after the first three seconds; s. */
  readonly seconds?: number;
  /** Instead of a transfer for the whole time: how often a file of 256 KiB is fetched. */
  readonly files?: number;
  /** What else is on the line: tunnels of the same kind, or a TCP flow. `delay` in seconds after the first. */
  readonly others?: readonly { readonly contender: 'same' | 'cubic' | 'bbr'; readonly delay: number }[];
  /** When the line is back, in s after the beginning, and the payload that it then has room for, Mbit/s. */
  readonly recoveries?: readonly { readonly figure: 'recovery' | 'recoveryDown'; readonly at: number; readonly limit: number }[];
}

const LINE = { rtt: 100, loss: 0, rate: 100, queue: 1000 } as const;
const TUNNELS_AND_TCP = ['auto', 'auto>go', 'auto>go-default', 'go-default', 'go', 'ours', 'ours-tuned', 'cubic', 'bbr'];
/** What a datagram of 1350 bytes carries for an application, and what it takes on the line. */
const PAYLOAD = 1297 / 1378;

/** What is left of a rate for payload. */
function payloadLimit(rate: number, loss: number): number {
  return rate * PAYLOAD * (1 - loss / 100);
}

function least(contender: string, bar: number, aim?: number): Bar {
  return { contender, figure: 'goodput', bar, ...(aim === undefined ? {} : { aim }) };
}

// Per loss: [ours, its aim, to Go with rcvwnd 4096, to Go defaults over Go's own].
const LOSSES: readonly (readonly [loss: number, own: number, ownAim: number, toGo: number, toDefaults: number])[] = [
  [0, 92.5, 94, 92.5, 1],
  [0.2, 92, 93.5, 92, 1],
  [1, 91, 93, 91, 1],
  [5, 87, 89, 86, 1.3],
  [10, 81, 84, 80, 1],
  [20, 68, 72, 64, 1],
];
const losses: Scenario[] = LOSSES.map(([loss, own, ownAim, toGo, toDefaults]) => ({
  id: `loss-${loss}`,
  title: `${loss} %`,
  group: 'loss',
  link: { ...LINE, loss },
  contenders: TUNNELS_AND_TCP,
  figures: ['goodput'],
  bars: [
    least('auto', own, ownAim),
    least('auto>go', toGo, loss === 20 ? 69 : undefined),
    { contender: 'auto>go-default', figure: 'goodput', bar: toDefaults, ratioTo: 'go-default' },
  ],
}));

const OTHER_LINES: readonly (readonly [id: string, title: string, link: LinkShape, bar: number, aim?: number])[] = [
  ['rtt20-10', 'RTT 20 ms, 10 %', { ...LINE, rtt: 20, loss: 10 }, 79, 84],
  ['rtt20-20', 'RTT 20 ms, 20 %', { ...LINE, rtt: 20, loss: 20 }, 64, 68],
  ['rtt250-1', 'RTT 250 ms, 1 %', { ...LINE, rtt: 250, loss: 1 }, 90, 93],
  ['rtt250-5', 'RTT 250 ms, 5 %', { ...LINE, rtt: 250, loss: 5 }, 85, 88],
  ['rtt250-10', 'RTT 250 ms, 10 %', { ...LINE, rtt: 250, loss: 10 }, 79, 83],
  ['slow-5', '5 Mbit/s, RTT 120 ms, 1 %, queue 100', { rtt: 120, loss: 1, rate: 5, queue: 100 }, 0.9 * payloadLimit(5, 1)],
  ['slow-1', '1 Mbit/s, RTT 120 ms, 1 %, queue 100', { rtt: 120, loss: 1, rate: 1, queue: 100 }, 0.9 * payloadLimit(1, 1)],
  ['fast-500', '500 Mbit/s, RTT 20 ms, 0.2 %', { rtt: 20, loss: 0.2, rate: 500, queue: 1000 }, 400, 450],
  ['jitter', 'jitter 0 to 50 ms, 1 %', { ...LINE, loss: 1, jitter: 50 }, 0.75 * payloadLimit(100, 1)],
  ['bursts', 'losses in runs of 5, 3 %', { ...LINE, loss: 3, burst: 5 }, 0.88 * payloadLimit(100, 3)],
];
const otherLines: Scenario[] = OTHER_LINES.map(([id, title, link, bar, aim]) => ({
  id,
  title,
  group: 'lines',
  link,
  contenders: ['auto', 'go-default', 'go', 'cubic', 'bbr'],
  figures: ['goodput'],
  bars: [least('auto', bar, aim)],
}));
const again: Bar = { contender: 'auto', figure: 'sentAgain', bar: 10, atMost: true };
const shortQueues: Scenario[] = [
  {
    id: 'queue-20',
    title: 'queue of 20 packets',
    group: 'lines',
    link: { ...LINE, queue: 20 },
    contenders: ['auto', 'go-default', 'go', 'cubic', 'bbr'],
    figures: ['goodput', 'sentAgain'],
    bars: [least('auto', 0.85 * payloadLimit(100, 0)), again],
  },
  {
    id: 'policer',
    title: 'a policer: 50 Mbit/s, bucket of 100 kB',
    group: 'lines',
    link: { ...LINE, police: { rate: 50, bucket: 100_000 } },
    contenders: ['auto', 'go-default', 'go', 'cubic', 'bbr'],
    figures: ['goodput', 'sentAgain'],
    bars: [again],
  },
];

const MESSAGE_BARS: readonly (readonly [loss: number, above: number])[] = [
  [0.3, 60],
  [1, 80],
  [5, 200],
];
const beside: Scenario[] = [
  ...MESSAGE_BARS.map(
    ([loss, above]): Scenario => ({
      id: `message-${loss}`,
      title: `a message every 50 ms, ${loss} %`,
      group: 'beside',
      link: { ...LINE, loss },
      contenders: ['auto', 'go-default', 'go', 'cubic', 'bbr'],
      figures: ['goodput', 'p50', 'p95', 'p99', 'queueMean', 'queueP95'],
      seconds: 15,
      bars: [
        { contender: 'auto', figure: 'p99', bar: LINE.rtt + above, aim: LINE.rtt + 30, atMost: true },
        { contender: 'auto', figure: 'queueMean', bar: 12, aim: 8, atMost: true },
        { contender: 'auto', figure: 'queueP95', bar: 30, aim: 20, atMost: true },
      ],
    }),
  ),
  ...[0, 1].map(
    (loss): Scenario => ({
      id: `file-${loss}`,
      title: `a file of 256 KiB over a new connection, ${loss} %`,
      group: 'beside',
      link: { ...LINE, loss },
      contenders: ['auto', 'ours-fast3', 'go', 'cubic', 'bbr'],
      figures: ['file'],
      files: 7,
      bars: [{ contender: 'auto', figure: 'file', bar: 1, ratioTo: 'ours-fast3', atMost: true }],
    }),
  ),
];

const recorded: Scenario[] = (['tmobile-lte', 'att-lte'] as const).flatMap((trace) =>
  (['down', 'up'] as const).flatMap((direction) =>
    [0.5, 3].map(
      (loss): Scenario => ({
        id: `${trace}-${direction}-${loss}`,
        title: `${trace}, ${direction}, ${loss} %`,
        group: 'recorded',
        link: { rtt: 60, loss, rate: 0, queue: 1000, trace },
        contenders: ['auto', 'ours', 'go-default', 'cubic', 'bbr'],
        figures: ['goodput', 'p50', 'p95', 'queueMean', 'queueP95'],
        seconds: 14,
        ...(direction === 'up' ? { direction } : {}),
        // Asked for at 0.5 %; at 3 % it is shown.
        bars:
          loss > 1
            ? []
            : [
                { contender: 'auto', figure: 'goodput', bar: 0.95, aim: 1.05, ratioTo: 'bbr' },
                { contender: 'auto', figure: 'p95', bar: 1, aim: 0.5, ratioTo: 'bbr', atMost: true },
              ],
      }),
    ),
  ),
);

const RECOVERED: Bar = { contender: 'auto', figure: 'recovery', bar: 3, aim: 1.5, atMost: true };
const changing: Scenario[] = [
  {
    id: 'rate-changes',
    title: 'rate 100, from 6 s on 30, from 12 s on 100',
    group: 'changing',
    link: { ...LINE, loss: 0.2, changes: '6000:rate=30,12000:rate=100' },
    contenders: ['auto', 'go', 'cubic', 'bbr'],
    figures: ['goodput', 'recoveryDown', 'recovery', 'queueMean', 'queueP95'],
    seconds: 17,
    recoveries: [
      { figure: 'recoveryDown', at: 6, limit: payloadLimit(30, 0.2) },
      { figure: 'recovery', at: 12, limit: payloadLimit(100, 0.2) },
    ],
    bars: [{ ...RECOVERED, figure: 'recoveryDown' }, RECOVERED],
  },
  {
    id: 'blackout',
    title: 'nothing passes from 6 to 9 s',
    group: 'changing',
    link: { ...LINE, loss: 0.2, changes: '6000:loss=100,9000:loss=0.2' },
    contenders: ['auto', 'go', 'cubic', 'bbr'],
    figures: ['goodput', 'recovery'],
    seconds: 15,
    recoveries: [{ figure: 'recovery', at: 9, limit: payloadLimit(100, 0.2) }],
    bars: [RECOVERED],
  },
];

/** Packets of 1500 bytes that fill the line for one round trip. */
const BDP = (LINE.rate * 1e6 * (LINE.rtt / 1000)) / 8 / 1500;
const together = (count: number): Scenario => ({
  id: `together-${count}`,
  title: `${count} tunnels, each 4 s after the one before, from 10 to 20 s after the last`,
  group: 'shared',
  link: LINE,
  contenders: ['auto', 'go'],
  figures: ['jain', 'goodput', 'queueMean', 'queueP95'],
  seconds: (count - 1) * 4 + 17,
  others: Array.from({ length: count - 1 }, (_, index) => ({ contender: 'same', delay: (index + 1) * 4 })),
  bars: [{ contender: 'auto', figure: 'jain', bar: 0.95, aim: 0.99 }],
});
const besideTcp = (tcp: 'cubic' | 'bbr', queue: number): Scenario => ({
  id: `${tcp}-beside-${queue}`,
  title: `one TCP ${tcp === 'bbr' ? 'BBR' : tcp}, queue of ${queue} BDP`,
  group: 'shared',
  link: { ...LINE, queue: Math.round(BDP * queue) },
  contenders: ['auto', 'go'],
  figures: ['share', 'goodput', 'queueMean', 'queueP95'],
  seconds: 22,
  others: [{ contender: tcp, delay: 0 }],
  bars:
    tcp === 'bbr'
      ? [{ contender: 'auto', figure: 'share', aim: 25 }]
      : [
          { contender: 'auto', figure: 'share', aim: 30, ...(queue < 1 ? {} : { bar: 30 }) },
          { contender: 'auto', figure: 'share', aim: 65, ...(queue < 1 ? {} : { bar: 65 }), atMost: true },
        ],
});
const shared: Scenario[] = [
  together(2),
  together(4),
  ...(['cubic', 'bbr'] as const).flatMap((tcp) => [0.5, 1, 2, 4].map((queue) => besideTcp(tcp, queue))),
];

const mixed: Scenario[] = [5, 100].map((rate) => ({
  id: `mixed-${rate}`,
  title: `${rate} Mbit/s, 1 %`,
  group: 'mixed',
  link: rate === 5 ? { rtt: 120, loss: 1, rate: 5, queue: 100 } : { ...LINE, loss: 1 },
  contenders: ['go-default>auto', 'go-default', 'go>auto', 'go'],
  figures: ['goodput'],
  bars: [
    { contender: 'go-default>auto', figure: 'goodput', bar: 1, ratioTo: 'go-default' },
    { contender: 'go>auto', figure: 'goodput', bar: 1, ratioTo: 'go' },
  ],
}));

/** All rows, in the order of their tables. */
export const SCENARIOS: readonly Scenario[] = [
  ...losses,
  ...otherLines,
  ...shortQueues,
  ...beside,
  ...recorded,
  ...changing,
  ...shared,
  ...mixed,
];

/** How long goodput counts where a scenario does not say, s. */
export const SECONDS = 7;
/** What a transfer has before it counts, s: it finds its rate, and V8 compiles. */
export const WARM_UP = 3;
