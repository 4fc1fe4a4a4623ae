// What a tunnel is made with: checked and filled in once, so that nothing below checks or defaults again.

import { checkInteger, type Logger, SILENT_LOGGER } from '@kcptun/common';
import { CRYPT_METHODS, type CryptMethod, checkPassword, QPP_MAX_PADS, type QppGeneration } from '@kcptun/crypt';
import { parseSessionParameters, type SessionParameters, type SessionTuning } from '@kcptun/session';
import { parseSmuxConfig, type SmuxConfig } from '@kcptun/smux';
import { createNodeHost, type Host, type PortRangeAddress, type StreamAddress } from '@kcptun/transport';
import { TunnelError } from './errors.ts';
import { AUTO_SESSIONS } from './session-pool.ts';

/** Settings of QPP; must be equal at both ends. */
export interface QppOptions {
  /** Number of pads, 1 to 65535, default 61 (upstream: `--QPPCount`). */
  readonly count?: number;
  /** Which of upstream's three incompatible constructions: `c` is that of 2026 and the default (PROTOCOL tunnel §9). */
  readonly generation?: QppGeneration;
}

/** Options that client and server share. Must be equal at both ends: key, crypt, compression, qpp, smux.version. */
export interface TunnelOptions {
  /** Shared secret, any text, taken as UTF-8, or bytes; not empty (upstream: `--key`). */
  readonly key: string | Uint8Array;
  /** Takes the empty key, which everybody has; default false. */
  readonly allowEmptyKey?: boolean;
  /** Packet encryption, default `aes` (upstream: `--crypt`). */
  readonly crypt?: CryptMethod;
  /** Snappy compression of the stream, default on (upstream: on unless `--nocomp`). */
  readonly compression?: boolean;
  /** Quantum permutation pads on the bytes of each stream; off by default (upstream: `--QPP`). */
  readonly qpp?: QppOptions;
  /** KCP and FEC: windows, mode, mtu, shards. May differ between the ends. */
  readonly session?: SessionTuning;
  /** Stream multiplexing; times in ms. */
  readonly smux?: Partial<SmuxConfig>;
  /** How long the end of a direction waits before it is passed on, in ms, default 0 (upstream: `--closewait`); a reset never waits. */
  readonly closeWait?: number;
  /**
   * How long a connection to an application or a target may be silent before the system asks whether the peer is still
   * there, in ms, whole seconds, default 15000, at most 32767000; 0: it never asks (upstream: fixed at 15 s).
   */
  readonly tcpKeepAlive?: number;
  /** Wanted size of the kernel's socket buffers in bytes, default 4194304 (upstream: `--sockbuf`). */
  readonly socketBuffer?: number;
  /**
   * Differentiated services code point of the datagrams, 0 to 63, default 0 (upstream: `--dscp`). In IPv6 too it is the upper six bits of the
   * traffic class, where the original puts it into the lower ones.
   */
  readonly dscp?: number;
  /**
   * Drops datagrams that were seen before, and lets sessions follow their peers to other addresses, without any change on the wire; default true.
   * Without effect with `none`, `null` and `xor`, whose datagrams anybody can change.
   */
  readonly replayProtection?: boolean;
  /**
   * Carries datagrams in TCP segments, default no (upstream: `--tcp`). Linux only, as root. A client that cannot have it does not start; a
   * server serves UDP as well, and says so when it serves nothing else.
   */
  readonly fakeTcp?: boolean;
  /** Leaves out the log lines per stream (upstream: `--quiet`). */
  readonly quiet?: boolean;
  /** Where log lines go; by default nowhere. */
  readonly logger?: Logger;
  /** The world to live in; by default this process. */
  readonly host?: Host;
}

/** Options of a client. */
export interface TunnelClientOptions extends TunnelOptions {
  /** Where applications connect to (upstream: `--localaddr`). */
  readonly listen: StreamAddress;
  /** Where the server is; each new session takes a random port of the range (upstream: `--remoteaddr`). */
  readonly remote: PortRangeAddress;
  /**
   * Number of KCP sessions that streams are spread over, 1 to 65535 (upstream: `--conn`). `auto`: as many
   * as are needed, up to 4, so that new streams need not wait behind others' bulk.
   * Default 1, in mode `auto` `auto`.
   */
  readonly connections?: number | 'auto';
  /** Age in ms at which a session gets no new streams, default 0: never (upstream: `--autoexpire`). */
  readonly autoExpire?: number;
  /** How long a session that has expired may live on for its streams, in ms, default 600000; -1: as long as they do (upstream: `--scavengettl`). */
  readonly scavengeTtl?: number;
}

/** Options of a server. */
export interface TunnelServerOptions extends TunnelOptions {
  /** UDP address and ports to listen on (upstream: `--listen`). */
  readonly listen: PortRangeAddress;
  /** Where streams are connected to (upstream: `--target`). */
  readonly target: StreamAddress;
  /** Most KCP sessions of all ports together, 1 to 16384, which is the default. First packets of further clients are dropped. */
  readonly maxSessions?: number;
  /** Most KCP sessions from one address (of IPv6: one /64 network), 1 to 16384, default 1024. */
  readonly maxSessionsPerAddress?: number;
}

/** Shared options after checking, with all defaults. */
export interface ResolvedTunnelOptions {
  readonly key: string | Uint8Array;
  readonly crypt: CryptMethod;
  readonly compression: boolean;
  readonly qpp: Readonly<Required<QppOptions>> | undefined;
  readonly session: Readonly<SessionParameters>;
  readonly smux: Readonly<SmuxConfig>;
  readonly closeWait: number;
  readonly tcpKeepAlive: number;
  readonly socketBuffer: number;
  readonly dscp: number;
  readonly replayProtection: boolean;
  readonly fakeTcp: boolean;
  readonly quiet: boolean;
  readonly logger: Logger;
}

/** What only a client has, after checking. */
export interface ResolvedClientOptions {
  /** Most sessions. */
  readonly connections: number;
  /** Whether they are made as needed. */
  readonly asNeeded: boolean;
  readonly autoExpire: number;
  readonly scavengeTtl: number;
}

/** The silence after which the system asks whether a peer is still there, in ms; that of Go. */
const TCP_KEEP_ALIVE = 15_000;
/** The longest that Linux takes, in ms. */
const MAX_TCP_KEEP_ALIVE = 32_767_000;

/** The longest time that can be given in seconds as a signed 32-bit number, in ms. */
const LONGEST_TIME = 0x7fffffff * 1000;

/** Memory that everything but the batches of sockets may take of the host's, in bytes. */
const SHARED_MEMORY = 16 * 1024 * 1024;
/** Memory that the batches of one socket take, in bytes; a session that is replaced may need another socket for a while. */
const SOCKET_MEMORY = 2 * 256 * 1024;
/** The most that a WebAssembly memory can have without the larger addresses of newer engines. */
const MAX_MEMORY = 2 ** 32 - 65_536;

/** The given host, or that of this process with room for so many datagram sockets; what is not used of the room costs nothing. */
export function openHost(host: Host | undefined, sockets: number): Host {
  return host ?? createNodeHost({ arenaBytes: Math.min(MAX_MEMORY, SHARED_MEMORY + sockets * SOCKET_MEMORY) });
}

/**
 * Checks what client and server share and fills in defaults.
 * @throws {TunnelError} KCPTUN_ERR_TUNNEL_CONFIG naming the option
 */
export function parseTunnelOptions(options: TunnelOptions): ResolvedTunnelOptions {
  const crypt = options.crypt ?? 'aes';
  if (!CRYPT_METHODS.includes(crypt)) {
    throw new TunnelError('KCPTUN_ERR_TUNNEL_CONFIG', `crypt must be one of ${CRYPT_METHODS.join(', ')}, got ${String(crypt)}`);
  }
  try {
    checkPassword(options.key, options.allowEmptyKey ?? false);
    return {
      key: options.key,
      crypt,
      compression: options.compression ?? true,
      qpp: options.qpp === undefined ? undefined : parseQppOptions(options.qpp),
      session: parseSessionParameters(options.session),
      smux: parseSmuxConfig(options.smux ?? {}),
      closeWait: checkInteger(options.closeWait ?? 0, 'closeWait', 0, LONGEST_TIME),
      tcpKeepAlive: checkKeepAlive(options.tcpKeepAlive ?? TCP_KEEP_ALIVE),
      socketBuffer: checkInteger(options.socketBuffer ?? 4 * 1024 * 1024, 'socketBuffer', 1, 0x7fffffff),
      dscp: checkInteger(options.dscp ?? 0, 'dscp', 0, 63),
      replayProtection: options.replayProtection ?? true,
      fakeTcp: options.fakeTcp ?? false,
      quiet: options.quiet ?? false,
      logger: options.logger ?? SILENT_LOGGER,
    };
  } catch (cause) {
    throw new TunnelError('KCPTUN_ERR_TUNNEL_CONFIG', (cause as Error).message, { cause });
  }
}

/**
 * Checks what only a client has and fills in defaults.
 * @throws {TunnelError} KCPTUN_ERR_TUNNEL_CONFIG naming the option
 */
export function parseClientOptions(options: TunnelClientOptions): ResolvedClientOptions {
  const asNeeded = (options.connections ?? (options.session?.mode === 'auto' ? 'auto' : 1)) === 'auto';
  try {
    return {
      connections: asNeeded ? AUTO_SESSIONS : checkInteger((options.connections ?? 1) as number, 'connections', 1, 65_535),
      asNeeded,
      autoExpire: checkInteger(options.autoExpire ?? 0, 'autoExpire', 0, LONGEST_TIME),
      scavengeTtl: checkInteger(options.scavengeTtl ?? 600_000, 'scavengeTtl', -1, LONGEST_TIME),
    };
  } catch (cause) {
    throw new TunnelError('KCPTUN_ERR_TUNNEL_CONFIG', (cause as Error).message, { cause });
  }
}

function checkKeepAlive(time: number): number {
  if (checkInteger(time, 'tcpKeepAlive', 0, MAX_TCP_KEEP_ALIVE) % 1000 === 0) return time;
  throw new RangeError(`tcpKeepAlive must be whole seconds, got ${time} ms`);
}

function parseQppOptions(options: QppOptions): Required<QppOptions> {
  const generation = options.generation ?? 'c';
  if (!['a', 'b', 'c'].includes(generation)) throw new RangeError(`qpp.generation must be a, b or c, got ${String(generation)}`);
  return { count: checkInteger(options.count ?? 61, 'qpp.count', 1, QPP_MAX_PADS), generation };
}
