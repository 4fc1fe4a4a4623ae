// What options must satisfy together, and what is allowed but deserves a word at start.

import { type QppGeneration, qppKeyWarnings } from '@kcptun/crypt';
import { MODES } from '@kcptun/kcp-core';
import { type AddressContext, parseDatagramAddress, parseStreamAddress } from './addresses.ts';
import { isNamedMode, MODE_NUMBERS } from './modes.ts';
import type { OptionSpec, OptionValue, Side, System } from './option-spec.ts';
import { optionsOf } from './options.ts';
import { keyOf } from './raw-words.ts';
import { checkRange } from './values.ts';

/** All options of a side by name. */
export type Values = Record<string, OptionValue>;

/** Where a value came from; `mode`: it is one of the four numbers of a named mode. */
export type Origin = 'default' | 'flag' | 'environment' | 'file' | 'mode';

/** What is wrong with one option in the light of the others. */
export interface RuleProblem {
  readonly name: string;
  /** What is wrong and what to do, without name and value. */
  readonly text: string;
}

// PROTOCOL session §4: what each datagram holds besides payload.
const KCP_HEADER = 24;
const FEC_HEADER = 8;
const CRC_FRAMING = 20;
const TAG_FRAMING = 28;

/** How people call the systems. */
export const SYSTEM_NAMES: Readonly<Record<System, string>> = { linux: 'Linux', darwin: 'macOS', win32: 'Windows', freebsd: 'FreeBSD' };

/** Most packets of an error correction group, data and parity together (PROTOCOL fec §3). */
export const MAX_GROUP = 256;

/** The least `mtu` that leaves room for one byte of payload. */
export function leastMtu({ crypt, datashard, parityshard }: Readonly<Values>): number {
  const framing = crypt === 'null' ? 0 : crypt === 'aes-128-gcm' ? TAG_FRAMING : CRC_FRAMING;
  const fec = Number(datashard) > 0 && Number(parityshard) > 0;
  return framing + (fec ? FEC_HEADER : 0) + KCP_HEADER + 1;
}

/** Checks what one value alone cannot show. Options with a problem of their own should be left at their defaults. */
export function checkRules(side: Side, values: Readonly<Values>, context: AddressContext = {}): RuleProblem[] {
  const problems: RuleProblem[] = [];
  const [data, parity] = [Number(values['datashard']), Number(values['parityshard'])];
  if (data > 0 && parity > 0 && data + parity > MAX_GROUP) {
    problems.push({ name: 'parityshard', text: `is too much with --datashard ${data}; both together are at most ${MAX_GROUP}` });
  }
  if (Number(values['streambuf']) > Number(values['smuxbuf'])) {
    problems.push({ name: 'streambuf', text: `is more than --smuxbuf; use at most ${values['smuxbuf']}` });
  }
  const pprof = parseStreamAddress(String(values['pprof-listen']), context);
  if (pprof.problem !== undefined) problems.push({ name: 'pprof-listen', text: pprof.problem });
  else if (!('port' in pprof.address)) problems.push({ name: 'pprof-listen', text: 'has no port; write host:port, like 127.0.0.1:6060' });
  if (side === 'client') {
    problems.push(...checkStreamAddress('localaddr', values, 0, context), ...checkPortRange('remoteaddr', values, 1));
  } else {
    problems.push(...checkPortRange('listen', values, 0), ...checkStreamAddress('target', values, 1, context));
  }
  return problems;
}

/**
 * Makes the values those that are used: the numbers of a named mode replace single ones (PROTOCOL tunnel §4).
 * @returns warnings about flags that this makes pointless
 */
export function applyMode(side: Side, values: Values, origins: Record<string, Origin>, label: (name: string) => string): string[] {
  const { mode } = values;
  if (mode === 'auto') applyAuto(values, origins);
  if (!isNamedMode(mode)) return [];
  const warnings: string[] = [];
  for (const option of optionsOf(side).filter(({ name }) => MODE_NUMBERS.includes(name))) {
    const { name } = option;
    const value = MODES[mode][name as keyof (typeof MODES)['fast']];
    // Files have these numbers beside a named mode because the original's examples do.
    if (origins[name] === 'flag' || checkRange(option, values[name] as OptionValue) !== undefined) {
      warnings.push(`${label(name)} has no effect with --mode ${mode}: ${value} is used; --mode manual takes it`);
    }
    values[name] = value;
    origins[name] = 'mode';
  }
  return warnings;
}

/** What mode auto uses where nothing is given: limits that a line does not reach, not settings. */
const AUTO_VALUES: Readonly<Record<string, number | string>> = {
  conn: 'auto',
  sndwnd: 65_535,
  rcvwnd: 8192,
  smuxbuf: 33_554_432,
  streambuf: 16_777_216,
};

function applyAuto(values: Values, origins: Record<string, Origin>): void {
  for (const [name, value] of Object.entries({ ...MODES.fast3, ...AUTO_VALUES })) {
    if (origins[name] !== 'default') continue;
    values[name] = value;
    origins[name] = 'mode';
  }
}

/** What everybody knows who has read a manual of kcptun. */
const DEFAULT_KEY = "it's a secrect";

/** What is allowed but probably not wanted. */
export function adviseOn(values: Readonly<Values>, origins: Readonly<Record<string, Origin>>): string[] {
  const advice: string[] = [];
  if (values['key'] === '') advice.push('the key is empty: anyone can use this tunnel; set --key or KCPTUN_KEY');
  else if (values['key'] === DEFAULT_KEY) advice.push('the default key is public: anyone can use this tunnel; set --key or KCPTUN_KEY');
  if (['none', 'null', 'xor'].includes(String(values['crypt']))) {
    advice.push(
      `--crypt ${values['crypt']} hides nothing from whoever sees the packets; the traffic should be encrypted already, or use --crypt aes-128-gcm`,
    );
  }
  if (origins['pprof-listen'] !== 'default' && values['pprof'] !== true) {
    advice.push('--pprof-listen does nothing without --pprof');
  }
  const rate = Number(values['ratelimit']);
  if (rate > 0 && rate < 2 * Number(values['mtu'])) {
    advice.push(`--ratelimit ${rate} is less than two packets a second: it counts bytes a second, so 1 Mbit/s is 125000`);
  }
  if (values['QPP'] === true) {
    const keyLength = Buffer.from(keyOf(String(values['key']))).length;
    advice.push(...qppKeyWarnings(keyLength, Number(values['QPPCount']), values['QPPGen'] as QppGeneration));
  }
  if (Number(values['autoexpire']) > 0 && Number(values['scavengettl']) > Number(values['autoexpire'])) {
    advice.push(
      'scavengettl is bigger than autoexpire, connections may race hard to use bandwidth. Try limiting scavengettl to a smaller value.',
    );
  }
  return advice;
}

/**
 * What does not work on a system: options that were set to something and need another one.
 * @param system - as `process.platform` says it
 */
export function checkSystem(side: Side, values: Readonly<Values>, system: string): { problems: RuleProblem[]; warnings: string[] } {
  const asked = optionsOf(side).filter(({ name, systems, defaults }) => {
    return systems !== undefined && !systems.on.some((each) => each === system) && values[name] !== defaults[side];
  });
  const textOf = ({ systems }: OptionSpec): string => `works on ${systems?.on.map((each) => SYSTEM_NAMES[each]).join(', ')} only`;
  const systemName = Object.hasOwn(SYSTEM_NAMES, system) ? SYSTEM_NAMES[system as System] : system;
  return {
    problems: asked
      .filter(({ systems }) => systems?.elsewhere === 'refused')
      .map((option) => ({ name: option.name, text: `${textOf(option)}, and this is ${systemName}; leave it out` })),
    warnings: asked
      .filter(({ systems }) => systems?.elsewhere === 'ignored')
      .map((option) => `--${option.name} ${values[option.name]} ${textOf(option)} and has no effect on ${systemName}`),
  };
}

function checkStreamAddress(name: string, values: Readonly<Values>, leastPort: number, context: AddressContext): RuleProblem[] {
  const parsed = parseStreamAddress(String(values[name]), context);
  if (parsed.problem !== undefined) return [{ name, text: parsed.problem }];
  const portIsZero = 'port' in parsed.address && parsed.address.port < leastPort;
  return portIsZero ? [{ name, text: 'has a port that is out of range; use 1 to 65535' }] : [];
}

function checkPortRange(name: string, values: Readonly<Values>, leastPort: number): RuleProblem[] {
  const address = String(values[name]);
  const [, low, high] = /:([0-9]+)-([0-9]+)$/.exec(address) ?? [];
  const text = Number(low) > Number(high) ? `has a port range that runs backwards; write ${high}-${low}` : explainDatagramAddress(address);
  try {
    return parseDatagramAddress(address).minPort < leastPort ? [{ name, text }] : [];
  } catch {
    return [{ name, text }];
  }
}

function explainDatagramAddress(address: string): string {
  const form = 'write host:port, [v6]:port or host:minport-maxport, with ports up to 65535';
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):\/\//.exec(address)?.[1];
  if (scheme === undefined || scheme === 'udp') return `is no address; ${form}`;
  return `is no UDP address; ${form}, without ${scheme}://`;
}
