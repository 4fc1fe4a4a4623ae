// Machines that have run out of something: disk for logs, files, a free port.

import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import type { Kind, Role } from '@kcptun/interop';
import { smallDisk } from './lab.ts';
import { pause, type Rig, until } from './rig.ts';
import { type Context, onRig, seconds, type TortureCase } from './torture-case.ts';

const RATE = 2e6;
const ROLES = ['client', 'server'] as const;
const DISK_KIB = 64;
/** A program sees its limit of files soon, in ms. */
const SOON = 5000;
/** Node needs more than half of them for a moment, to load a program. */
const FILES = 160;
/** More connections than that. */
const TOO_MANY = 400;
/** What a program may say about it, in lines: one for each connection that it cannot serve, and a few besides. */
const LINES = TOO_MANY + 50;

/** The cases of this file. */
export const shortages: readonly TortureCase[] = [
  { name: 'full-disk', ends: ['ours', 'ours'], short: true, run: fullDisk },
  { name: 'full-stderr', ends: ['ours', 'ours'], short: false, run: fullStderr },
  { name: 'few-files-client', ends: ['ours', 'ours'], short: true, run: (context) => fewFiles(context, ['ours', 'ours'], 'client') },
  { name: 'few-files-server', ends: ['ours', 'ours'], short: true, run: (context) => fewFiles(context, ['ours', 'ours'], 'server') },
  { name: 'few-files-client-of-go', ends: ['ours', 'new'], short: false, run: (context) => fewFiles(context, ['ours', 'new'], 'client') },
  { name: 'few-files-server-of-go', ends: ['new', 'ours'], short: false, run: (context) => fewFiles(context, ['new', 'ours'], 'server') },
  { name: 'port-taken', ends: ['ours', 'ours'], short: true, run: portTaken },
];

/** Log and counters on a disk that is full, and has room again; a start on a full disk. */
function fullDisk(context: Context): Promise<string> {
  const folder = smallDisk(DISK_KIB);
  const log = (role: Role): string => join(folder, `${role}.log`);
  const counters = (role: Role): string => join(folder, `${role}.csv`);
  const flags = (role: Role): string[] => ['--log', log(role), '--snmplog', counters(role), '--snmpperiod', '1'];
  return onRig(context, { client: 'ours', server: 'ours', flags: { client: flags('client'), server: flags('server') } }, async (rig) => {
    const churn = rig.churn(RATE);
    churn.start();
    fill(join(folder, 'ballast'));
    await filled(rig);
    await rig.kill('server');
    await rig.start('server');
    await filled(rig);
    const recovered = await rig.recovered();
    await churn.pause();
    rig.judge(churn.failures, { broken: true, cutAtTarget: true });
    const sizes = ROLES.map((role) => statSync(counters(role)).size);
    rmSync(join(folder, 'ballast'));
    for (const [index, role] of ROLES.entries()) {
      rig.program(role).signal('SIGUSR1');
      await until(SOON, `the log of the ${role} to go on`, () =>
        readFileSync(log(role), 'utf8').includes('lines of the log are missing here'),
      );
      await until(SOON, `the counters of the ${role} to go on`, () => statSync(counters(role)).size > (sizes[index] as number));
    }
    return `went on without a log, started in ${seconds(recovered)}, and told what is missing later; ${await rig.settle()}`;
  });
}

/** Takes all that is left of a disk. */
function fill(path: string): void {
  for (const size of [4096, 1]) {
    try {
      for (;;) writeFileSync(path, Buffer.alloc(size), { flag: 'a' });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    }
  }
}

/** Has both programs write until they have said, once, that their log takes no more. */
async function filled(rig: Rig): Promise<void> {
  for (const role of ROLES) {
    const program = rig.program(role);
    await until(SOON, `the ${role} to say that its log takes no more`, () => {
      program.signal('SIGUSR1');
      return program.output.includes('takes no more');
    });
    await pause(100);
    const told = program.output.split('takes no more').length - 1;
    if (told !== 1) throw new Error(`the ${role} said ${told} times that its log takes no more`);
  }
}

/** Nobody can read what the programs say. */
function fullStderr(context: Context): Promise<string> {
  const prelude = 'exec >/dev/full 2>&1';
  return onRig(context, { client: 'ours', server: 'ours', prelude: { client: prelude, server: prelude } }, async (rig) => {
    const churn = rig.churn(RATE);
    churn.start();
    for (let line = 0; line < 50; line++) {
      for (const role of ROLES) rig.program(role).signal('SIGUSR1');
      await pause(20);
    }
    const took = await rig.probe();
    await churn.pause();
    rig.judge(churn.failures);
    return `works within ${seconds(took)}; ${await rig.settle()}`;
  });
}

/** More connections than a program may have files; some are turned away, and all is well again as soon as they are gone. */
function fewFiles(context: Context, [client, server]: readonly [Kind, Kind], role: Role): Promise<string> {
  return onRig(context, { client, server, prelude: { [role]: `ulimit -n ${FILES}` } }, async (rig) => {
    const before = rig.program(role).output.split('\n').length;
    const crowd = Array.from({ length: TOO_MANY }, () => hold(rig.port));
    await until(SOON, `the ${role} to turn connections away`, () => crowd.some(({ destroyed }) => destroyed));
    await pause(1000);
    const turnedAway = crowd.filter(({ destroyed }) => destroyed).length;
    for (const socket of crowd) socket.destroy();
    // Those that were served take a moment to be closed everywhere, and until then new ones are turned away.
    const recovered = await rig.recovered();
    const said = rig.program(role).output.split('\n').length - before;
    if (said > LINES) throw new Error(`the ${role} wrote ${said} lines about it`);
    rig.judge([], { cutAtTarget: true });
    return `${turnedAway} of ${TOO_MANY} turned away, works again within ${seconds(recovered)}, ${said} lines; ${await rig.settle()}`;
  });
}

/** A connection that says nothing and stays. */
function hold(port: number): Socket {
  const socket = connect({ port, host: '127.0.0.1' });
  socket.on('error', () => {});
  socket.resume();
  return socket;
}

/** A start on a port that someone has, and once more when it is free. */
function portTaken(context: Context): Promise<string> {
  return onRig(context, { client: 'ours', server: 'ours' }, async (rig) => {
    for (const role of ROLES) {
      await rig.kill(role);
      const release = role === 'client' ? await takeTcp(rig.port) : await takeUdp(rig.udpPort);
      const program = rig.launch(role);
      const { code } = await program.during(until(SOON, `the ${role} to give up`, () => !program.running)).then(
        () => program.exited,
        () => program.exited,
      );
      const lines = program.output.trim().split('\n');
      release();
      const last = lines.at(-1) ?? '';
      if (code !== 1 || !last.includes('address already in use') || !last.includes(`${role === 'client' ? rig.port : rig.udpPort}`)) {
        throw new Error(`the ${role} ended with ${code} and said: ${last}`);
      }
      await rig.start(role);
      await rig.probe();
    }
    return `said so and ended with 1, worked when it was free; ${await rig.settle()}`;
  });
}

async function takeTcp(port: number): Promise<() => void> {
  const server = createServer().listen(port, '127.0.0.1');
  await once(server, 'listening');
  return () => server.close();
}

async function takeUdp(port: number): Promise<() => void> {
  const socket = createSocket('udp4').bind(port, '127.0.0.1');
  await once(socket, 'listening');
  return () => socket.close();
}
