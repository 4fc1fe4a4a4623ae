// From settings to a running tunnel: the whole of what the two programs do besides reading their command line. No protocol code.

import type { Logger } from '@kcptun/common';
import type { CryptMethod } from '@kcptun/crypt';
import { parsePortRange, type StreamAddress } from '@kcptun/transport';
import { TunnelClient, type TunnelOptions, TunnelServer } from '@kcptun/tunnel';
import { parseStreamAddress } from './addresses.ts';
import type { Settings } from './command-line.ts';
import { createLog } from './log.ts';
import type { Side } from './option-spec.ts';
import type { ClientOptions, ServerOptions, SharedOptions } from './options.ts';
import { EXIT_FAILURE, programVersion, readSettings } from './program.ts';
import { settingLines } from './settings-log.ts';
import { stopOnSignals } from './signals.ts';
import { snmpLine } from './snmp-line.ts';

/** Runs kcptun-client until a signal ends it; never returns an exit code but sets it. */
export function runClient(): Promise<void> {
  return run('client', (settings, logger) => {
    const o = settings.options;
    return new TunnelClient({
      ...sharedOptions(o, logger),
      listen: streamAddress(o.localaddr),
      remote: parsePortRange(o.remoteaddr),
      connections: o.conn,
    });
  });
}

/** Runs kcptun-server until a signal ends it; never returns an exit code but sets it. */
export function runServer(): Promise<void> {
  return run('server', (settings, logger) => {
    const o = settings.options;
    return new TunnelServer({
      ...sharedOptions(o, logger),
      listen: parsePortRange(o.listen),
      target: streamAddress(o.target),
    });
  });
}

async function run<S extends Side>(side: S, create: (settings: Settings<S>, logger: Logger) => TunnelClient | TunnelServer): Promise<void> {
  const settings = await readSettings(side, {
    argv: process.argv.slice(2),
    env: process.env,
    print: (text) => process.stdout.write(text),
    complain: (text) => process.stderr.write(text),
  });
  if (typeof settings === 'number') {
    process.exitCode = settings;
    return;
  }
  const logger = createLog();
  logger.info(`version: ${programVersion()}`);
  for (const line of settings.warnings) logger.warn(line);
  for (const line of settings.pending) logger.warn(line);
  try {
    const tunnel = create(settings, logger);
    logger.info('initiating key derivation');
    await tunnel.start();
    logger.info('key derivation done');
    const listening = tunnel instanceof TunnelClient ? tunnel.address : (settings.options as ServerOptions).listen;
    for (const line of settingLines(side, settings.options, listening)) logger.info(line);
    if (tunnel instanceof TunnelServer) for (const address of tunnel.addresses) logger.info(`Listening on: ${address}/udp`);
    stopOnSignals({ stop: () => tunnel.stop(), exit: (code) => process.exit(code) });
    // Windows has no SIGUSR1.
    if (process.platform !== 'win32') process.on('SIGUSR1', () => logger.info(snmpLine(tunnel.stats().snmp)));
  } catch (error) {
    logger.error((error as Error).message);
    process.exitCode = EXIT_FAILURE;
  }
}

function sharedOptions(o: ClientOptions | ServerOptions, logger: Logger): TunnelOptions {
  return {
    key: o.key,
    crypt: o.crypt as CryptMethod,
    compression: !o.nocomp,
    ...(o.QPP ? { qpp: { count: o.QPPCount } } : {}),
    socketBuffer: o.sockbuf,
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
    nodelay: o.nodelay === 0 ? 0 : 1,
    interval: Math.min(5000, Math.max(10, o.interval)),
    resend: Math.max(0, o.resend),
    nc: o.nc === 0 ? 0 : 1,
    sndWnd: o.sndwnd,
    rcvWnd: o.rcvwnd,
    mtu: o.mtu,
    dataShards: o.datashard,
    parityShards: o.parityshard,
    ackNoDelay: o.acknodelay,
  };
}

/** The text was checked when the settings were read. */
function streamAddress(text: string): StreamAddress {
  const parsed = parseStreamAddress(text);
  if (parsed.problem !== undefined) throw new TypeError(parsed.problem);
  return parsed.address;
}
