// What `bench` measures, row by row.

import type { SampleKind } from './traffic.ts';

/** A transfer through both programs. */
export interface BulkScenario {
  /** How it is named on the command line (`--only`). */
  readonly id: string;
  readonly name: string;
  readonly crypt?: string;
  readonly fec?: readonly [dataShards: string, parityShards: string];
  readonly comp?: SampleKind;
  readonly direction?: 'up' | 'down';
  readonly streams?: number;
  readonly sessions?: number;
  /** Megabytes, where less than usual is enough. */
  readonly megabytes?: number;
  /** Programs beside ours and Go 2026 with and without GOMAXPROCS=1, which are always there. */
  readonly others?: readonly string[];
  /** A network namespace of its own: without UDP segmentation offload, or without and with 5 % random loss. */
  readonly network?: 'no-offload' | 'loss';
}

const FEC_OFF = ['0', '0'] as const;

/** All transfers. */
export const BULK: readonly BulkScenario[] = [
  { id: 'aes-fec', name: 'aes, FEC 10/3', others: ['old'] },
  { id: 'aes-fec-down', name: 'aes, FEC 10/3, down', direction: 'down' },
  { id: 'aes', name: 'aes, no FEC', fec: FEC_OFF },
  { id: 'aes-128-fec', name: 'aes-128, FEC 10/3', crypt: 'aes-128' },
  { id: 'gcm-fec', name: 'aes-128-gcm, FEC 10/3', crypt: 'aes-128-gcm' },
  { id: 'salsa20-fec', name: 'salsa20, FEC 10/3', crypt: 'salsa20' },
  { id: 'none-fec', name: 'none, FEC 10/3', crypt: 'none' },
  { id: 'none', name: 'none, no FEC', crypt: 'none', fec: FEC_OFF },
  { id: 'comp-text', name: 'aes, FEC 10/3, compression of text', comp: 'text' },
  { id: 'comp-repeat', name: 'aes, FEC 10/3, compression of ten digits over and over', comp: 'repeat' },
  { id: 'comp-random', name: 'aes, FEC 10/3, compression of random bytes', comp: 'random' },
  { id: 'backends', name: 'aes, FEC 10/3, other backends', others: ['nonative', 'nowasm', 'noneither'], megabytes: 300 },
  { id: 'mixed', name: 'aes, FEC 10/3, mixed peers', others: ['ours-go', 'go-ours'] },
  { id: 'streams-100', name: 'aes, FEC 10/3, 100 streams in a session', streams: 100, megabytes: 300 },
  { id: 'streams-1000', name: 'aes, FEC 10/3, 1000 streams in a session', streams: 1000, megabytes: 300 },
  { id: 'sessions-100', name: 'aes, FEC 10/3, 100 sessions', streams: 100, sessions: 100, megabytes: 300 },
  { id: 'sessions-1000', name: 'aes, FEC 10/3, 1000 sessions', streams: 1000, sessions: 1000, megabytes: 300 },
  { id: 'no-offload', name: 'aes, FEC 10/3, without UDP segmentation offload', network: 'no-offload' },
  { id: 'loss', name: 'aes, FEC 10/3, 5 % random loss', network: 'loss', megabytes: 300 },
];

/** Programs of this package whose output is kept as it is: single layers, and memory over 20 GB. */
export const SCRIPTS: readonly { readonly id: string; readonly name: string; readonly args: readonly string[] }[] = [
  { id: 'micro-crypt', name: 'packet ciphers, CRC-32 (none)', args: ['crypt.js'] },
  { id: 'micro-qpp', name: 'QPP', args: ['block.js', 'qpp'] },
  { id: 'micro-fec', name: 'Reed-Solomon, encode and recover', args: ['fec.js'] },
  { id: 'micro-core', name: 'the ARQ against node-kcp', args: ['core.js'] },
  { id: 'micro-comp', name: 'snappy and CRC-32C', args: ['comp.js'] },
  { id: 'micro-smux', name: 'smux in memory', args: ['smux.js'] },
  { id: 'micro-sockets', name: 'datagram sockets by backend', args: ['sockets.js'] },
  { id: 'memory', name: 'resident memory over 20 GB', args: ['memory.js', '--size', '1000', '--rounds', '10', '--wnd', '8192'] },
];

/** The flags of both ends. */
export function flagsOf(scenario: BulkScenario): string[] {
  const [dataShards, parityShards] = scenario.fec ?? ['10', '3'];
  return [
    ...['--key', 'benchmark', '--crypt', scenario.crypt ?? 'aes', '--mode', 'fast3', '--sndwnd', '8192', '--rcvwnd', '8192'],
    ...['--datashard', dataShards, '--parityshard', parityShards, '--smuxver', '2', '--quiet'],
    ...(scenario.comp === undefined ? ['--nocomp'] : []),
  ];
}
