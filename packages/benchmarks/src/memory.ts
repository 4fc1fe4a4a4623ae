// Resident memory of both programs: idle, and after a gigabyte through the tunnel in each direction.
//
//   node dist/memory.js [--size 1000] [--rounds 1] [--wnd 1024]
//
// Exits with 1 when an idle client has 80 MB or more, or one of them 200 MB or more afterwards. Linux only: it reads /proc.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { readUsage } from './process-usage.ts';

const IDLE_LIMIT = 80;
const LOADED_LIMIT = 200;
const MIB = 1.048576;

const { values } = parseArgs({
  options: {
    size: { type: 'string', default: '1000' },
    rounds: { type: 'string', default: '1' },
    wnd: { type: 'string', default: '1024' },
  },
});

const packages = join(import.meta.dirname, '..', '..');
const chunk = Buffer.alloc(1 << 20, 'not too random, not too regular: ');

/** Starts a program and waits until its log says `ready`; returns what matched. */
async function start(side: string, args: readonly string[], ready: RegExp): Promise<[ChildProcess, RegExpExecArray]> {
  const main = join(packages, `kcptun-${side}`, 'dist', 'main.js');
  const flags = ['--key', 'benchmark', '--quiet', '--nocomp', '--sndwnd', values.wnd, '--rcvwnd', values.wnd];
  const child = spawn(process.execPath, [main, ...args, ...flags], { stdio: ['ignore', 'ignore', 'pipe'] });
  let log = '';
  for await (const text of child.stderr.setEncoding('utf8').iterator({ destroyOnReturn: false })) {
    log += text;
    const match = ready.exec(log);
    if (match !== null) {
      child.stderr.resume();
      return [child, match];
    }
  }
  throw new Error(`kcptun-${side} ended:\n${log}`);
}

/** Resident memory in MB. */
function memory(child: ChildProcess): { readonly now: number; readonly peak: number } {
  const { rss, peakRss } = readUsage(child.pid as number);
  return { now: rss * MIB, peak: peakRss * MIB };
}

/** Writes `bytes` bytes to one end and waits until the other has them. */
async function move(source: net.Socket, sink: net.Socket, bytes: number): Promise<void> {
  const done = new Promise<void>((resolve, reject) => {
    let left = bytes;
    const take = (data: Buffer): void => {
      left -= data.length;
      if (left > 0) return;
      sink.off('data', take);
      resolve();
    };
    sink.on('data', take);
    sink.once('close', () => reject(new Error('the connection was closed')));
  });
  for (let left = bytes; left > 0; left -= chunk.length) {
    if (!source.write(left < chunk.length ? chunk.subarray(0, left) : chunk)) await once(source, 'drain');
  }
  await done;
}

const target = net.createServer().listen(0, '127.0.0.1');
await once(target, 'listening');
const targetPort = (target.address() as net.AddressInfo).port;
const [server, bound] = await start('server', ['-l', '127.0.0.1:0', '-t', `127.0.0.1:${targetPort}`], /Listening on: 127\.0\.0\.1:(\d+)/);
const [client, listening] = await start('client', ['-l', '127.0.0.1:0', '-r', `127.0.0.1:${bound[1]}`], /listening on: 127\.0\.0\.1:(\d+)/);
let failed = false;

function report(what: string, child: ChildProcess, limit: number): void {
  const { now, peak } = memory(child);
  failed ||= now >= limit;
  console.log(`${what.padEnd(28)} ${now.toFixed(1).padStart(7)} MB   peak ${peak.toFixed(1).padStart(7)} MB   limit ${limit} MB`);
}

try {
  report('client, idle', client, IDLE_LIMIT);
  report('server, idle', server, IDLE_LIMIT);
  const near = net.connect(Number(listening[1]), '127.0.0.1');
  near.write('x');
  const [far] = (await once(target, 'connection')) as [net.Socket];
  await once(far, 'data');
  const size = Number(values.size) * 1e6;
  for (let round = 1; round <= Number(values.rounds); round++) {
    await move(near, far, size);
    report(`client, ${values.size} MB up, round ${round}`, client, LOADED_LIMIT);
    report(`server, ${values.size} MB up, round ${round}`, server, LOADED_LIMIT);
    await move(far, near, size);
    report(`client, ${values.size} MB down, round ${round}`, client, LOADED_LIMIT);
    report(`server, ${values.size} MB down, round ${round}`, server, LOADED_LIMIT);
  }
  near.destroy();
  far.destroy();
} finally {
  client.kill('SIGKILL');
  server.kill('SIGKILL');
  target.close();
}
process.exitCode = failed ? 1 : 0;
