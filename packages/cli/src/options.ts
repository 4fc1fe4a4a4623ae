// The one table of options: names, types, defaults, ranges and texts. Flags, the JSON file and its schema, the help, the checks and the
// documentation are made from it. Names and JSON keys are those of the Go programs (PROTOCOL tunnel §2), case and all.

import { CRYPT_METHODS } from '@kcptun/crypt';
import { MODES } from '@kcptun/kcp-core';
import { MAX_SESSIONS, MAX_SESSIONS_PER_ADDRESS } from '@kcptun/tunnel';
import { LOG_FORMATS, LOG_LEVELS, type LogFormat, type LogLevel } from './log.ts';
import { both, type OptionSpec, option, type Side, UNLIMITED } from './option-spec.ts';

/** The shells that `--completion` can write for. */
export const SHELLS = ['bash', 'zsh', 'fish'] as const;
/** One of {@link SHELLS}. */
export type Shell = (typeof SHELLS)[number];

/** A window that is not positive leaves the 32 packets that a session of kcp-go begins with; the wire has 16 bits for one. */
const WINDOW = { range: [1, 65_535], instead: { below: 32, above: 65_535 }, unit: 'packets' } as const;

/** Modes whose four numbers are given one by one. */
const MANUAL_MODES: readonly string[] = ['manual', 'default'];

/** All options, in the order of the client's help. */
export const OPTIONS: readonly OptionSpec[] = [
  option(
    'localaddr',
    'addresses',
    'string',
    { client: ':12948' },
    'where applications connect to: host:port, or a unix socket with a slash in its path',
    {
      aliases: ['l'],
    },
  ),
  option('remoteaddr', 'addresses', 'string', { client: 'vps:29900' }, 'the server: host:port, or host:minport-maxport', {
    aliases: ['r'],
  }),
  option('listen', 'addresses', 'string', { server: ':29900' }, 'UDP address to listen on: host:port, or host:minport-maxport', {
    aliases: ['l'],
  }),
  option(
    'target',
    'addresses',
    'string',
    { server: '127.0.0.1:12948' },
    'where connections are passed on to: host:port, or a unix socket with a slash in its path',
    {
      aliases: ['t'],
    },
  ),
  option('key', 'secrecy', 'string', both("it's a secrect"), 'the secret', {
    env: 'KCPTUN_KEY',
    secret: true,
    equal: true,
  }),
  option('crypt', 'secrecy', 'string', both('aes'), 'packet cipher', {
    choices: CRYPT_METHODS,
    equal: true,
  }),
  option('mode', 'retransmission', 'string', both('fast'), 'retransmission profile', {
    choices: ['auto', ...Object.keys(MODES).reverse(), ...MANUAL_MODES],
  }),
  option('QPP', 'secrecy', 'boolean', both(false), 'quantum permutation pads', { equal: true }, 'qpp'),
  option(
    'QPPCount',
    'secrecy',
    'integer',
    both(61),
    'number of pads, a prime number is best',
    { range: [1, 65_535], instead: { above: 'low bits' }, equal: true },
    'qpp-count',
  ),
  option(
    'QPPGen',
    'secrecy',
    'string',
    both('c'),
    'how the pads are made: c as since December 2025, a and b as before',
    { choices: ['a', 'b', 'c'], equal: true, ours: true },
    'qpp-gen',
  ),
  option('conn', 'sessions', 'integer', { client: 1 }, 'number of KCP sessions to the server; auto: as many as are needed', {
    range: [1, 65_535],
    word: 'auto',
    instead: { above: 'low bits' },
  }),
  option('autoexpire', 'sessions', 'integer', { client: 0 }, 'age at which a KCP session gets no new streams', {
    zero: 'never',
    range: [0, UNLIMITED],
    instead: { below: 0, above: UNLIMITED },
    unit: 's',
  }),
  option('scavengettl', 'sessions', 'integer', { client: 600 }, 'how long an expired session may live on', {
    range: [-1, UNLIMITED],
    instead: { below: -1, above: UNLIMITED },
    unit: 's',
  }),
  // What is too small leaves the mtu that a session of kcp-go begins with.
  option('mtu', 'packets', 'integer', both(1350), 'largest UDP payload', {
    range: [25, 1500],
    instead: { below: 1400, above: 1500 },
    unit: 'bytes',
  }),
  option('ratelimit', 'packets', 'integer', both(0), 'most that one KCP session sends', {
    zero: 'no limit',
    range: [0, UNLIMITED],
    instead: { below: 0, above: UNLIMITED },
    unit: 'bytes/s',
  }),
  option('sndwnd', 'packets', 'integer', { client: 128, server: 1024 }, 'send window', WINDOW),
  option('rcvwnd', 'packets', 'integer', { client: 512, server: 1024 }, 'receive window', WINDOW),
  option('datashard', 'fec', 'integer', both(10), 'data packets of a Reed-Solomon group', {
    aliases: ['ds'],
    zero: 'no error correction',
    range: [0, 255],
    instead: { below: 0 },
  }),
  option('parityshard', 'fec', 'integer', both(3), 'parity packets added to a group', {
    aliases: ['ps'],
    zero: 'no error correction',
    range: [0, 255],
    instead: { below: 0 },
  }),
  option('dscp', 'sockets', 'integer', both(0), 'class of service in the IP header', {
    range: [0, 63],
    instead: { below: 'low bits', above: 'low bits' },
  }),
  option('nocomp', 'streams', 'boolean', both(false), 'no compression', { equal: true }),
  option('acknodelay', 'retransmission', 'boolean', both(false), 'acknowledge each packet at once', { hidden: true }),
  option('nodelay', 'retransmission', 'integer', both(0), 'mode manual: 1 for the fast retransmission timer', {
    range: [0, 1],
    instead: { below: 0, above: 1 },
    hidden: true,
  }),
  option('interval', 'retransmission', 'integer', both(50), 'mode manual: time between flushes', {
    range: [10, 5000],
    instead: { negative: 100, below: 10, above: 5000 },
    unit: 'ms',
    hidden: true,
  }),
  option('resend', 'retransmission', 'integer', both(0), 'mode manual: later acknowledgements that trigger a retransmission', {
    zero: 'none do',
    range: [0, 65_535],
    instead: { below: 0, above: 65_535 },
    hidden: true,
  }),
  option('nc', 'retransmission', 'integer', both(0), 'mode manual: 1 for no congestion window', {
    range: [0, 1],
    instead: { below: 0, above: 1 },
    hidden: true,
  }),
  // The Go programs take 0 for the least that the kernel has, which carries almost nothing.
  option('sockbuf', 'sockets', 'integer', both(4_194_304), 'buffer of each UDP socket', {
    range: [1, UNLIMITED],
    instead: { below: 4_194_304, above: UNLIMITED },
    unit: 'bytes',
  }),
  option('smuxver', 'streams', 'integer', both(2), 'smux version', { range: [1, 2], equal: true }),
  option('smuxbuf', 'streams', 'integer', both(4_194_304), 'receive buffer of one KCP session', { range: [1, UNLIMITED], unit: 'bytes' }),
  option('framesize', 'streams', 'integer', both(8192), 'largest smux frame', { range: [1, 65_535], unit: 'bytes' }),
  option('streambuf', 'streams', 'integer', both(2_097_152), 'receive buffer of one stream, smux version 2', {
    range: [1, UNLIMITED],
    unit: 'bytes',
  }),
  option('keepalive', 'streams', 'integer', both(10), 'time between heartbeats', { range: [1, 30], unit: 's' }),
  option('closewait', 'streams', 'integer', both(0), 'delay before the end of a connection is passed on', {
    range: [0, UNLIMITED],
    instead: { below: 0, above: UNLIMITED },
    unit: 's',
  }),
  option('tcp-keepalive', 'streams', 'integer', both(15), 'silence of a TCP connection before the system asks whether its peer is there', {
    zero: 'never',
    range: [0, 32_767],
    unit: 's',
    ours: true,
  }),
  option('snmplog', 'observing', 'string', both(''), 'file to append counters to; its name is a Go time layout: snmp-20060102.csv'),
  // Timers of Node go up to 2^31 ms.
  option('snmpperiod', 'observing', 'integer', both(60), 'time between two lines of counters', {
    zero: 'none',
    range: [0, 2_147_483],
    instead: { below: 0, above: 2_147_483 },
    unit: 's',
  }),
  option('log', 'observing', 'string', both(''), 'file to append the log to, reopened on SIGHUP; empty: standard error'),
  option('quiet', 'observing', 'boolean', both(false), 'no log lines about single connections'),
  option('tcp', 'sockets', 'boolean', both(false), 'carry packets in TCP segments', {
    systems: { on: ['linux'], elsewhere: 'refused' },
  }),
  option('c', 'program', 'string', both(''), 'JSON file whose keys win over the command line', {}, null),
  option('pprof', 'observing', 'boolean', both(false), 'HTTP server with CPU profile, heap snapshot and statistics'),
  option(
    'print-config',
    'program',
    'string',
    both('off'),
    'show all settings and where each came from, and exit; --print-config=json for programs',
    { choices: ['off', 'text', 'json'], bare: 'text', ours: true },
    null,
  ),
  option(
    'completion',
    'program',
    'string',
    both('off'),
    'print the completion for a shell, and exit',
    { choices: ['off', ...SHELLS], ours: true },
    null,
  ),
  option('pprof-listen', 'observing', 'string', both('127.0.0.1:6060'), 'TCP address of the server of --pprof', { ours: true }),
  option('log-format', 'observing', 'string', both('go'), 'form of the log, json with one object a line', {
    choices: LOG_FORMATS,
    ours: true,
  }),
  option('log-level', 'observing', 'string', both('info'), 'least that is logged', {
    choices: LOG_LEVELS,
    ours: true,
  }),
  option('drain-timeout', 'program', 'integer', both(5), 'time that open connections have to end after SIGTERM or SIGINT', {
    zero: 'none',
    range: [0, 86_400],
    unit: 's',
    ours: true,
  }),
  option('max-sessions', 'sessions', 'integer', { server: MAX_SESSIONS }, 'most KCP sessions of all clients', {
    range: [1, MAX_SESSIONS],
    ours: true,
  }),
  option('max-sessions-per-ip', 'sessions', 'integer', { server: MAX_SESSIONS_PER_ADDRESS }, 'most KCP sessions from one address', {
    range: [1, MAX_SESSIONS],
    ours: true,
  }),
  option('keep-shards', 'fec', 'boolean', both(false), "send one's own shard counts, whatever the peer sends with", { ours: true }),
  option(
    'no-replay-protection',
    'secrecy',
    'boolean',
    both(false),
    'take datagrams that were seen before; sessions do not follow clients',
    {
      ours: true,
    },
  ),
];

/** The server's help differs from the client's in the place of some options (PROTOCOL tunnel §2). */
const SERVER_MOVES: readonly (readonly [string, string])[] = [
  ['mode', 'QPPGen'],
  ['pprof', 'snmpperiod'],
];

const BY_SIDE: Readonly<Record<Side, readonly OptionSpec[]>> = {
  client: OPTIONS.filter((each) => each.defaults.client !== undefined),
  server: SERVER_MOVES.reduce(
    (list, [name, behind]) => {
      const moved = list.filter((each) => each.name === name);
      const others = list.filter((each) => each.name !== name);
      return others.flatMap((each) => (each.name === behind ? [each, ...moved] : [each]));
    },
    OPTIONS.filter((each) => each.defaults.server !== undefined),
  ),
};

/** The options of one program, in the order of its help. */
export function optionsOf(side: Side): readonly OptionSpec[] {
  return BY_SIDE[side];
}

/** The option of a side that has this name or alias. */
export function findOption(side: Side, name: string): OptionSpec | undefined {
  return BY_SIDE[side].find((each) => each.name === name || each.aliases.includes(name));
}

/** What both programs are set to; fields as the flags (see {@link OPTIONS}), integers in the units given there. */
export interface SharedOptions {
  /** The secret; where it is not UTF-8, its bytes in the form that `keyOf` reads. */
  readonly key: string;
  readonly crypt: (typeof CRYPT_METHODS)[number];
  readonly mode: string;
  readonly QPP: boolean;
  readonly QPPCount: number;
  readonly QPPGen: 'a' | 'b' | 'c';
  readonly mtu: number;
  readonly ratelimit: number;
  readonly sndwnd: number;
  readonly rcvwnd: number;
  readonly datashard: number;
  readonly parityshard: number;
  readonly dscp: number;
  readonly nocomp: boolean;
  readonly acknodelay: boolean;
  /** This and the three that follow: the numbers of the mode when it is a named one. */
  readonly nodelay: number;
  readonly interval: number;
  readonly resend: number;
  readonly nc: number;
  readonly sockbuf: number;
  readonly smuxver: 1 | 2;
  readonly smuxbuf: number;
  readonly framesize: number;
  readonly streambuf: number;
  readonly keepalive: number;
  readonly closewait: number;
  readonly 'tcp-keepalive': number;
  readonly snmplog: string;
  readonly snmpperiod: number;
  readonly log: string;
  readonly quiet: boolean;
  readonly tcp: boolean;
  readonly c: string;
  readonly pprof: boolean;
  readonly 'print-config': 'off' | 'text' | 'json';
  readonly completion: 'off' | Shell;
  readonly 'pprof-listen': string;
  readonly 'log-format': LogFormat;
  readonly 'log-level': LogLevel;
  readonly 'drain-timeout': number;
  readonly 'keep-shards': boolean;
  readonly 'no-replay-protection': boolean;
}

/** What the client is set to. */
export interface ClientOptions extends SharedOptions {
  readonly localaddr: string;
  readonly remoteaddr: string;
  readonly conn: number | 'auto';
  readonly autoexpire: number;
  readonly scavengettl: number;
}

/** What the server is set to. */
export interface ServerOptions extends SharedOptions {
  readonly listen: string;
  readonly target: string;
  readonly 'max-sessions': number;
  readonly 'max-sessions-per-ip': number;
}

/** The options of a side. */
export type OptionsOf<S extends Side> = S extends 'client' ? ClientOptions : ServerOptions;
