// From settings to a tunnel: what each option of the two programs means for it. No protocol code.

import type { Logger } from '@kcptun/common';
import type { CryptMethod } from '@kcptun/crypt';
import type { StreamAddress } from '@kcptun/transport';
import { TunnelClient, type TunnelClientOptions, type TunnelOptions, TunnelServer, type TunnelServerOptions } from '@kcptun/tunnel';
import { parseDatagramAddress, parseStreamAddress } from './addresses.ts';
import { runProgram } from './lifecycle.ts';
import type { ClientOptions, ServerOptions, SharedOptions } from './options.ts';
import { keyOf } from './raw-words.ts';

/** Runs kcptun-client until a signal ends it; never returns an exit code but sets it. */
export function runClient(): Promise<void> {
  return runProgram('client', (settings, logger) => new TunnelClient(clientOptions(settings.options, logger)));
}

/** Runs kcptun-server until a signal ends it; never returns an exit code but sets it. */
export function runServer(): Promise<void> {
  return runProgram('server', (settings, logger) => new TunnelServer(serverOptions(settings.options, logger)));
}

/** What the client's settings mean for the tunnel. */
export function clientOptions(o: ClientOptions, logger: Logger): TunnelClientOptions {
  return {
    ...sharedOptions(o, logger),
    listen: streamAddress(o.localaddr),
    remote: parseDatagramAddress(o.remoteaddr),
    connections: o.conn,
    autoExpire: o.autoexpire * 1000,
    scavengeTtl: o.scavengettl < 0 ? -1 : o.scavengettl * 1000,
  };
}

/** What the server's settings mean for the tunnel. */
export function serverOptions(o: ServerOptions, logger: Logger): TunnelServerOptions {
  return {
    ...sharedOptions(o, logger),
    listen: parseDatagramAddress(o.listen),
    target: streamAddress(o.target),
    maxSessions: o['max-sessions'],
    maxSessionsPerAddress: o['max-sessions-per-ip'],
  };
}

function sharedOptions(o: ClientOptions | ServerOptions, logger: Logger): TunnelOptions {
  return {
    key: keyOf(o.key),
    // As in the Go programs; a warning says what that means.
    allowEmptyKey: true,
    crypt: o.crypt as CryptMethod,
    compression: !o.nocomp,
    ...(o.QPP ? { qpp: { count: o.QPPCount, generation: o.QPPGen } } : {}),
    closeWait: o.closewait * 1000,
    tcpKeepAlive: o['tcp-keepalive'] * 1000,
    socketBuffer: o.sockbuf,
    dscp: o.dscp,
    fakeTcp: o.tcp,
    replayProtection: !o['no-replay-protection'],
    quiet: o.quiet,
    logger,
    session: sessionOptions(o),
    smux: {
      version: o.smuxver as 1 | 2,
      maxFrameSize: o.framesize,
      maxReceiveBuffer: o.smuxbuf,
      maxStreamBuffer: o.streambuf,
      keepAliveInterval: o.keepalive * 1000,
    },
  };
}

function sessionOptions(o: SharedOptions): NonNullable<TunnelOptions['session']> {
  return {
    ...(o.mode === 'auto' ? { mode: 'auto' as const } : {}),
    nodelay: o.nodelay,
    interval: o.interval,
    resend: o.resend,
    nc: o.nc,
    sndWnd: o.sndwnd,
    rcvWnd: o.rcvwnd,
    mtu: o.mtu,
    dataShards: o.datashard,
    parityShards: o.parityshard,
    keepShards: o['keep-shards'],
    ackNoDelay: o.acknodelay,
    rateLimit: o.ratelimit,
  };
}

/** The text was checked when the settings were read. */
function streamAddress(text: string): StreamAddress {
  const parsed = parseStreamAddress(text);
  if (parsed.problem !== undefined) throw new TypeError(parsed.problem);
  return parsed.address;
}
