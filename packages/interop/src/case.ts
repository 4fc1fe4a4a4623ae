// What a tunnel of two programs is set to, and which flags say so to a program of each kind.

import type { Kind, Role } from './programs.ts';

/** The settings of both ends of a tunnel. */
export interface Settings {
  /** `--crypt`. */
  readonly crypt: string;
  /** Data and parity shards of the client, `10/3`. */
  readonly clientFec: string;
  /** Data and parity shards of the server. */
  readonly serverFec: string;
  /** `--smuxver`. */
  readonly smuxver: 1 | 2;
  /** `--nocomp`. */
  readonly nocomp: boolean;
  /** `--mode`; `manual` gets the values of {@link MANUAL_MODE}. */
  readonly mode: string;
  /** `--mtu`. */
  readonly mtu: number;
  /** `--conn` of the client. */
  readonly conn: number;
  /** `--QPP`. */
  readonly qpp: boolean;
  /** Our end runs `--mode auto` and gets no windows: it finds what it needs. */
  readonly auto?: boolean;
  /** `--closewait` of our server, 0 by default. */
  readonly closewait?: number;
  /** Flags of either end that win over those of the settings above. */
  readonly clientFlags?: readonly string[];
  readonly serverFlags?: readonly string[];
}

/** Settings that every version has, close to the defaults. */
export const USUAL_SETTINGS: Settings = {
  crypt: 'aes',
  clientFec: '10/3',
  serverFec: '10/3',
  smuxver: 2,
  nocomp: false,
  mode: 'fast',
  mtu: 1350,
  conn: 1,
  qpp: false,
};

/** Where a program stands and whom it talks to. */
export interface Slot {
  readonly kind: Kind;
  readonly role: Role;
  /** `host:port`: of TCP for a client, of UDP for a server. */
  readonly listen: string;
  /** `host:port`: of the server's UDP for a client, of the TCP target for a server. */
  readonly forward: string;
}

const MANUAL_MODE = ['--nodelay', '1', '--interval', '15', '--resend', '3', '--nc', '1'];
const KEY = 'interop key';

/** The command line of a program. */
export function flagsFor(slot: Slot, settings: Settings): string[] {
  const [dataShards, parityShards] = (slot.role === 'client' ? settings.clientFec : settings.serverFec).split('/') as [string, string];
  const auto = settings.auto === true && slot.kind === 'ours';
  const windows = auto ? [] : ['--sndwnd', '1024', '--rcvwnd', '1024'];
  const flags = [
    ...(slot.role === 'client'
      ? ['--localaddr', slot.listen, '--remoteaddr', slot.forward, '--conn', String(settings.conn)]
      : ['--listen', slot.listen, '--target', slot.forward]),
    ...['--key', KEY, '--crypt', settings.crypt, '--mode', auto ? 'auto' : settings.mode, '--mtu', String(settings.mtu)],
    ...['--datashard', dataShards, '--parityshard', parityShards],
    // The default of --smuxver differs between the versions, so it is always said.
    ...['--smuxver', String(settings.smuxver), ...windows, '--quiet'],
  ];
  if (settings.mode === 'manual' && !auto) flags.push(...MANUAL_MODE);
  if (settings.nocomp) flags.push('--nocomp');
  if (settings.qpp) flags.push('--QPP', '--QPPCount', '61');
  // Servers pass an end of stream on after 30 s by default; the old version knows no such delay and no such flag.
  const ownServer = slot.kind === 'ours' && slot.role === 'server';
  if (slot.kind !== 'old') flags.push('--closewait', String(ownServer ? (settings.closewait ?? 0) : 0));
  return [...flags, ...((slot.role === 'client' ? settings.clientFlags : settings.serverFlags) ?? [])];
}

/** Bytes of the large exchange of a case. */
export interface ExchangeSizes {
  readonly upload: number;
  readonly download: number;
}

/** Ciphers of which one or the other implementation does less than about 20 MB/s: their cases would take most of the time. */
const SLOW_CIPHERS = new Set(['3des', 'twofish', 'cast5', 'blowfish', 'sm4']);
const MIB = 1024 * 1024;

/** 8 MiB both ways, less where the cipher is slow. */
export function sizesFor(crypt: string): ExchangeSizes {
  const size = SLOW_CIPHERS.has(crypt) ? 2 * MIB : 8 * MIB;
  return { upload: size, download: size };
}
