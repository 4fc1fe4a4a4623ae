// The one table of options: names, types, defaults, ranges and texts. Flags, the JSON file, the help, the checks and the documentation
// are made from it. Names and JSON keys are those of the Go programs (PROTOCOL tunnel §2), case and all.

import { CRYPT_METHODS } from '@kcptun/crypt';
import { MODES } from '@kcptun/kcp-core';

/** Which of the two programs. */
export type Side = 'client' | 'server';

/** What an option can be set to. */
export type OptionValue = string | number | boolean;

/** One option of one or both programs. */
export interface OptionSpec {
  /** The flag without its dashes. */
  readonly name: string;
  /** Other spellings of the flag. */
  readonly aliases: readonly string[];
  readonly type: 'string' | 'integer' | 'boolean';
  /** Default on each side; a side without one does not have the option. */
  readonly defaults: { readonly client?: OptionValue; readonly server?: OptionValue };
  /** Least and greatest value of an integer. */
  readonly range?: readonly [number, number];
  /** All values that a string may have. */
  readonly choices?: readonly string[];
  /** What an integer counts. */
  readonly unit?: 's' | 'ms' | 'bytes' | 'bytes/s' | 'packets';
  /** One line for the help. */
  readonly help: string;
  /** Key in the JSON file; without one it can only be a flag. */
  readonly jsonKey?: string;
  /** Environment variable that is read when the flag is not given. */
  readonly env?: string;
  /** Left out of the help. */
  readonly hidden?: true;
  /** Never shown in messages. */
  readonly secret?: true;
  /** Whether it does something already; what does not is still read and checked, and said at start when `off` is left. */
  readonly effective: boolean;
  /** For options without effect: the value that asks for nothing. */
  readonly off?: OptionValue;
}

/** Modes whose four numbers are given one by one. */
const MANUAL_MODES: readonly string[] = ['manual', 'default'];

const INT_MAX = 0x7fffffff;

type Rest = Partial<Pick<OptionSpec, 'aliases' | 'range' | 'choices' | 'unit' | 'env' | 'hidden' | 'secret' | 'effective' | 'off'>>;

function option(
  name: string,
  type: OptionSpec['type'],
  defaults: OptionSpec['defaults'],
  help: string,
  rest: Rest = {},
  jsonKey = name,
): OptionSpec {
  return { name, aliases: [], type, defaults, help, jsonKey, effective: true, ...rest };
}

function both(value: OptionValue): OptionSpec['defaults'] {
  return { client: value, server: value };
}

/** All options, in the order of the client's help. */
export const OPTIONS: readonly OptionSpec[] = [
  option('localaddr', 'string', { client: ':12948' }, 'where applications connect to: host:port or the path of a unix socket', {
    aliases: ['l'],
  }),
  option('remoteaddr', 'string', { client: 'vps:29900' }, 'the server: host:port, or host:minport-maxport', { aliases: ['r'] }),
  option('listen', 'string', { server: ':29900' }, 'UDP address to listen on: host:port, or host:minport-maxport', { aliases: ['l'] }),
  option('target', 'string', { server: '127.0.0.1:12948' }, 'where connections are passed on to: host:port or the path of a unix socket', {
    aliases: ['t'],
  }),
  option('key', 'string', both("it's a secrect"), 'secret shared by client and server', { env: 'KCPTUN_KEY', secret: true }),
  option('crypt', 'string', both('aes'), `cipher, equal on both ends: ${CRYPT_METHODS.join(', ')}`, { choices: CRYPT_METHODS }),
  option('mode', 'string', both('fast'), 'retransmission profile: fast3, fast2, fast, normal, manual', {
    choices: [...Object.keys(MODES), ...MANUAL_MODES],
  }),
  option('QPP', 'boolean', both(false), 'quantum permutation pads, equal on both ends', {}, 'qpp'),
  option('QPPCount', 'integer', both(61), 'number of pads, a prime number is best', { range: [1, 65_535] }, 'qpp-count'),
  option('conn', 'integer', { client: 1 }, 'number of KCP sessions to the server', { range: [1, 65_535] }),
  option('autoexpire', 'integer', { client: 0 }, 'age at which a KCP session gets no new streams, 0: never', {
    range: [0, INT_MAX],
    unit: 's',
    effective: false,
    off: 0,
  }),
  option('scavengettl', 'integer', { client: 600 }, 'how long an expired session may live on', {
    range: [-1, INT_MAX],
    unit: 's',
    effective: false,
    off: 600,
  }),
  option('mtu', 'integer', both(1350), 'largest UDP payload', { range: [25, 1500], unit: 'bytes' }),
  option('ratelimit', 'integer', both(0), 'most that one KCP session sends, 0: no limit', {
    range: [0, INT_MAX],
    unit: 'bytes/s',
    effective: false,
    off: 0,
  }),
  option('sndwnd', 'integer', { client: 128, server: 1024 }, 'send window', { range: [1, 65_535], unit: 'packets' }),
  option('rcvwnd', 'integer', { client: 512, server: 1024 }, 'receive window', { range: [1, 65_535], unit: 'packets' }),
  option('datashard', 'integer', both(10), 'packets of a Reed-Solomon group, 0: no error correction', { aliases: ['ds'], range: [0, 255] }),
  option('parityshard', 'integer', both(3), 'parity packets added to a group, 0: no error correction', {
    aliases: ['ps'],
    range: [0, 255],
  }),
  option('dscp', 'integer', both(0), 'class of service in the IP header', { range: [0, 63], effective: false, off: 0 }),
  option('nocomp', 'boolean', both(false), 'no compression, equal on both ends'),
  option('acknodelay', 'boolean', both(false), 'acknowledge each packet at once', { hidden: true }),
  option('nodelay', 'integer', both(0), 'mode manual: 1 for the fast retransmission timer', { range: [0, 1], hidden: true }),
  option('interval', 'integer', both(50), 'mode manual: time between flushes', { range: [10, 5000], unit: 'ms', hidden: true }),
  option('resend', 'integer', both(0), 'mode manual: acknowledgements that trigger a retransmission, 0: none do', {
    range: [0, 65_535],
    hidden: true,
  }),
  option('nc', 'integer', both(0), 'mode manual: 1 for no congestion window', { range: [0, 1], hidden: true }),
  option('sockbuf', 'integer', both(4_194_304), 'buffer of each UDP socket', { range: [1, INT_MAX], unit: 'bytes' }),
  option('smuxver', 'integer', both(2), 'smux version, 1 or 2, equal on both ends', { range: [1, 2] }),
  option('smuxbuf', 'integer', both(4_194_304), 'receive buffer of one KCP session', { range: [1, INT_MAX], unit: 'bytes' }),
  option('framesize', 'integer', both(8192), 'largest smux frame', { range: [1, 65_535], unit: 'bytes' }),
  option('streambuf', 'integer', both(2_097_152), 'receive buffer of one stream, smux version 2', { range: [1, INT_MAX], unit: 'bytes' }),
  option('keepalive', 'integer', both(10), 'time between heartbeats', { range: [1, 30], unit: 's' }),
  option('closewait', 'integer', { client: 0, server: 30 }, 'delay before the end of a connection is passed on', {
    range: [0, INT_MAX],
    unit: 's',
    effective: false,
    off: 0,
  }),
  option('snmplog', 'string', both(''), 'file to append counters to; its name may hold a Go time format', { effective: false, off: '' }),
  option('snmpperiod', 'integer', both(60), 'time between two lines of counters', {
    range: [0, INT_MAX],
    unit: 's',
    effective: false,
    off: 60,
  }),
  option('log', 'string', both(''), 'file to append the log to, empty: standard error', { effective: false, off: '' }),
  option('quiet', 'boolean', both(false), 'no log lines about single connections'),
  option('tcp', 'boolean', both(false), 'carry packets in TCP segments (Linux)', { effective: false, off: false }),
  { name: 'c', aliases: [], type: 'string', defaults: both(''), help: 'JSON file whose keys win over the command line', effective: true },
  option('pprof', 'boolean', both(false), 'profiling server on port 6060', { effective: false, off: false }),
];

/** The server's help differs from the client's in the place of some options (PROTOCOL tunnel §2). */
const SERVER_MOVES: readonly (readonly [string, string])[] = [
  ['mode', 'QPPCount'],
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
  readonly key: string;
  readonly crypt: (typeof CRYPT_METHODS)[number];
  readonly mode: string;
  readonly QPP: boolean;
  readonly QPPCount: number;
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
  readonly snmplog: string;
  readonly snmpperiod: number;
  readonly log: string;
  readonly quiet: boolean;
  readonly tcp: boolean;
  readonly c: string;
  readonly pprof: boolean;
}

/** What the client is set to. */
export interface ClientOptions extends SharedOptions {
  readonly localaddr: string;
  readonly remoteaddr: string;
  readonly conn: number;
  readonly autoexpire: number;
  readonly scavengettl: number;
}

/** What the server is set to. */
export interface ServerOptions extends SharedOptions {
  readonly listen: string;
  readonly target: string;
}

/** The options of a side. */
export type OptionsOf<S extends Side> = S extends 'client' ? ClientOptions : ServerOptions;
