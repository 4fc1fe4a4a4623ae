// The life of a program as its surroundings see it: log, signals, files, exit codes. What it does meanwhile is the tunnel's.

import { getHeapStatistics } from 'node:v8';
import { isKcptunError, type Logger } from '@kcptun/common';
import { TunnelClient, type TunnelServer } from '@kcptun/tunnel';
import { parseStreamAddress } from './addresses.ts';
import type { Settings } from './command-line.ts';
import { createLog } from './log.ts';
import { LogFile } from './log-file.ts';
import { adviseOnOpenFiles } from './open-files.ts';
import type { OptionValue, Side } from './option-spec.ts';
import { type ClientOptions, optionsOf, type ServerOptions, type SharedOptions } from './options.ts';
import { startProfileServer } from './profile-server.ts';
import { EXIT_FAILURE, EXIT_USAGE, programVersion, readSettings } from './program.ts';
import { rawArguments, rawEnvironment } from './raw-words.ts';
import { ServiceManager } from './service-manager.ts';
import { integrityLine, memoryLine, QPP_LINE, settingLines } from './settings-log.ts';
import { type StopSignal, stopOnSignals } from './signals.ts';
import { guardLine, snmpLine } from './snmp-line.ts';
import { startSnmpLog } from './snmp-log.ts';
import { Stdio } from './stdio.ts';

/** What a stop may take beyond the wait for open connections, in ms, as the service manager is told. */
const STOP_RESERVE = 2000;

type Tunnel = TunnelClient | TunnelServer;

/** Reads the command line of this process and runs what it says until a signal ends it; never returns an exit code but sets it. */
export async function runProgram<S extends Side>(side: S, create: (settings: Settings<S>, logger: Logger) => Tunnel): Promise<void> {
  const stdio = new Stdio();
  const complain = (text: string): void => stdio.complain(text);
  const settings = await readSettings(side, {
    argv: rawArguments(process.argv.slice(2)),
    env: rawEnvironment(process.env, 'KCPTUN_KEY'),
    print: (text) => stdio.print(text),
    complain,
  });
  if (typeof settings === 'number') {
    process.exitCode = settings;
    return;
  }
  const { options } = settings;
  let file: LogFile | undefined;
  try {
    file = openLogFile(options, complain);
  } catch (error) {
    complain(`kcptun-${side}: --log ${options.log}: cannot be opened: ${(error as Error).message}\n`);
    process.exitCode = EXIT_USAGE;
    return;
  }
  const logger = createLog({
    format: options['log-format'],
    level: options['log-level'],
    write: file === undefined ? streamOf(options.log, stdio) : (line) => file.write(line),
  });
  endOnUncaught(logger);
  const manager = new ServiceManager(process.env, logger);
  logger.info(`version: ${programVersion()}`, { version: programVersion() });
  for (const line of settings.warnings) logger.warn(line);
  const advice = adviseOnOpenFiles();
  if (advice !== undefined) logger.warn(advice);
  try {
    const tunnel = create(settings, logger);
    handleSignals({ tunnel, seconds: options['drain-timeout'], logger, file, manager, stdio });
    logger.info('initiating key derivation');
    await tunnel.start();
    logger.info('key derivation done');
    logSettings(settings, tunnel, logger);
    startSnmpLog({ path: options.snmplog, period: options.snmpperiod, logger, snapshot: () => tunnel.stats().snmp });
    if (options.pprof) startProfiles(`kcptun-${side}`, options, tunnel, logger);
    manager.ready(() => statusOf(tunnel));
  } catch (error) {
    logger.error(explainFailure(settings, error as Error));
    process.exitCode = EXIT_FAILURE;
  }
}

/** What the tunnel says, with the flag that it is about. */
function explainFailure<S extends Side>({ side, options }: Settings<S>, error: Error): string {
  if (!isKcptunError(error, 'KCPTUN_ERR_TUNNEL_LISTEN')) return error.message;
  const flag = side === 'client' ? `--localaddr ${(options as ClientOptions).localaddr}` : `--listen ${(options as ServerOptions).listen}`;
  return `${flag}: ${error.message}`;
}

/** Names of the standard streams: to reopen them is impossible where they are sockets, and takes rights that the program may not have. */
const STANDARD_OUTPUT = ['/dev/stdout', '/dev/fd/1', '/proc/self/fd/1'];
const STANDARD_ERROR = ['/dev/stderr', '/dev/fd/2', '/proc/self/fd/2'];

function openLogFile(options: SharedOptions, complain: (text: string) => void): LogFile | undefined {
  if (['', ...STANDARD_OUTPUT, ...STANDARD_ERROR].includes(options.log)) return undefined;
  return new LogFile(options.log, (problem) => createLog({ format: options['log-format'], write: complain }).error(problem));
}

/** Where lines go that no log file takes. */
function streamOf(path: string, stdio: Stdio): (line: string) => void {
  return STANDARD_OUTPUT.includes(path) ? (line) => stdio.print(line) : (line) => stdio.complain(line);
}

/** An error that nothing expected is a fault of the program: it says so in one line and ends, because nothing is certain any more. */
function endOnUncaught(logger: Logger): void {
  process.on('uncaughtException', (error: unknown) => {
    const { stack } = error instanceof Error ? error : { stack: undefined };
    const place = /\n\s+at (.*)/.exec(stack ?? '')?.[1];
    logger.error(`internal error, please report it: ${error}${place === undefined ? '' : ` at ${place}`}`, { event: 'fatal', stack });
    process.exit(EXIT_FAILURE);
  });
}

interface Life {
  readonly tunnel: Tunnel;
  /** How long open connections may take to end. */
  readonly seconds: number;
  readonly logger: Logger;
  readonly file: LogFile | undefined;
  readonly manager: ServiceManager;
  readonly stdio: Stdio;
}

/** A shell that ends tells its programs so before their terminal is gone: it is looked for again after this time, in ms. */
const TERMINAL_LOOK = 1000;

function handleSignals(life: Life): void {
  const { tunnel, logger, file, manager, stdio } = life;
  stopOnSignals({ stop: (signal) => stop(signal, life), exit: (code) => process.exit(code) });
  // Windows has neither of these; there, SIGHUP stands for a console that was closed, after which the system ends the program.
  if (process.platform === 'win32') return;
  process.on('SIGUSR1', () => {
    const { snmp, guards } = tunnel.stats();
    logger.info(snmpLine(snmp), { event: 'snmp', ...snmp });
    logger.info(guardLine(guards), { event: 'guards', ...guards });
  });
  process.on('SIGHUP', () => {
    if (stdio.terminalIsGone) {
      process.kill(process.pid, 'SIGTERM');
      return;
    }
    if (stdio.hasTerminal) setTimeout(endWithTerminal, TERMINAL_LOOK, stdio).unref();
    let text = 'SIGHUP: nothing to do, there is no --log to reopen';
    manager.reload(() => {
      if (file === undefined) return;
      text = file.reopen() ? 'SIGHUP: the log file was reopened' : 'SIGHUP: the log file cannot be reopened, this one stays in use';
    });
    logger.info(text, { event: 'reload' });
  });
}

/** A program that was started in a terminal ends with it; one that has none gets SIGHUP from someone who wants its log re-opened. */
function endWithTerminal(stdio: Stdio): void {
  if (stdio.terminalIsGone) process.kill(process.pid, 'SIGTERM');
}

async function stop(signal: StopSignal, { tunnel, seconds, logger, manager }: Life): Promise<void> {
  const { streams } = tunnel.stats();
  const wait = streams > 0 && seconds > 0;
  // Before the line: whoever reads it finds that nothing more is accepted.
  const drained = tunnel.drain(seconds * 1000);
  logger.info(
    wait
      ? `${signal}: open streams: ${streams}, they have up to ${seconds} s to end; a second signal does not wait`
      : `${signal}: open streams: ${streams}, stopping`,
    { event: 'stopping', signal, streams },
  );
  manager.stopping(`stopping, open streams: ${streams}`, seconds * 1000 + STOP_RESERVE);
  if (await drained) logger.info('stopped', { event: 'stopped' });
  else logger.warn('stopped before all streams had ended', { event: 'stopped' });
}

function statusOf(tunnel: Tunnel): string {
  const { links, streams } = tunnel.stats();
  return `sessions: ${links.length}, open streams: ${streams}`;
}

function startProfiles(program: string, options: SharedOptions, tunnel: Tunnel, logger: Logger): void {
  const parsed = parseStreamAddress(options['pprof-listen']);
  if (parsed.problem !== undefined || !('port' in parsed.address)) return; // refused when the settings were read
  const stats = (): object => ({
    program,
    version: programVersion(),
    pid: process.pid,
    node: process.version,
    uptime: process.uptime(),
    memory: memoryUsage(),
    utilization: performance.eventLoopUtilization().utilization,
    ...tunnelStats(tunnel),
  });
  startProfileServer({ program, ...parsed.address, logger, stats });
}

/** Node reads the resident size from a file; without a descriptor for it, the rest is told. */
function memoryUsage(): object {
  try {
    return process.memoryUsage();
  } catch {
    const { total_heap_size: heapTotal, used_heap_size: heapUsed, external_memory: external } = getHeapStatistics();
    return { heapTotal, heapUsed, external };
  }
}

function tunnelStats(tunnel: Tunnel): object {
  const { snmp, guards, streams, chunks } = tunnel.stats();
  return { snmp, guards, streams, chunks, sessions: tunnel.sessions() };
}

/** Tells what the program runs with: line by line for people, in one record for machines. */
function logSettings<S extends Side>(settings: Settings<S>, tunnel: Tunnel, logger: Logger): void {
  const { side, options } = settings;
  const client = tunnel instanceof TunnelClient;
  const listening = client ? tunnel.address : (options as ServerOptions).listen;
  if (options['log-format'] === 'json') {
    const shown = optionsOf(side).filter((option) => option.secret !== true);
    const values = options as unknown as Readonly<Record<string, OptionValue>>;
    logger.info('settings', { event: 'settings', ...Object.fromEntries(shown.map(({ name }) => [name, values[name]])) });
    if (client) logger.info(`listening on: ${listening}`, { event: 'listening', address: listening });
  } else for (const line of settingLines(side, options, listening)) logger.info(line);
  logger.info(memoryLine(tunnel.memoryBound, tunnel.maxSessions), { event: 'memory', ...tunnel.memoryBound, sessions: tunnel.maxSessions });
  const integrity = integrityLine(options.crypt);
  if (integrity !== undefined) logger.info(integrity);
  if (options.QPP) logger.info(QPP_LINE);
  if (!client) for (const address of tunnel.tcpAddresses) logger.info(`Listening on: ${address}/tcp`, { event: 'listening', address });
  if (!client) for (const address of tunnel.addresses) logger.info(`Listening on: ${address}/udp`, { event: 'listening', address });
}
