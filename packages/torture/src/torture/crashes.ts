// Programs that die without a word and are started again, as supervisors do.

import type { Kind, Role } from '@kcptun/interop';
import type { TransferError } from '@kcptun/testkit/node';
import { type Allowed, pause, type Rig } from './rig.ts';
import { type Context, onRig, seconds, type TortureCase } from './torture-case.ts';

const RATE = 2e6;
/** A server looks every 30 s whether a client has said anything since it looked last: 30 to 60 s until it gives one up (PROTOCOL smux §6). */
const KEEPALIVE = 65_000;
/** A client in Go notices a restart of its server by its keepalive alone: 30 s, looked at every 30 s. */
const GO_CLIENT_RECOVERY = 75_000;

/** The cases of this file. */
export const crashes: readonly TortureCase[] = [
  { name: 'kill-server', ends: ['ours', 'ours'], short: true, run: (context) => killServer(context, 'ours') },
  { name: 'kill-server-go', ends: ['ours', 'new'], short: false, run: (context) => killServer(context, 'new') },
  { name: 'kill-client', ends: ['ours', 'ours'], short: false, run: (context) => killClient(context, ['ours', 'ours']) },
  { name: 'kill-client-before-go', ends: ['ours', 'new'], short: false, run: (context) => killClient(context, ['ours', 'new']) },
  { name: 'kill-go-client', ends: ['new', 'ours'], short: false, run: (context) => killClient(context, ['new', 'ours']) },
  { name: 'kill-server-under-go', ends: ['new', 'ours'], short: false, run: killServerUnderGo },
];

/** Ends and starts a program at random moments, with connections coming all the while. */
async function killRounds(context: Context, rig: Rig, role: Role, allowed: Allowed): Promise<string> {
  const { random } = context;
  const rounds = context.short ? 2 : 6;
  const churn = rig.churn(RATE);
  let slowest = 0;
  const bulk: Promise<TransferError[]>[] = [];
  churn.start();
  for (let round = 0; round < rounds; round++) {
    await pause(random.integer(100, context.short ? 300 : 2000));
    const { failures } = await rig.bulk(random);
    bulk.push(failures);
    await pause(random.integer(0, 60));
    await rig.kill(role);
    await pause(random.integer(0, context.short ? 300 : 3000));
    await rig.start(role);
    slowest = Math.max(slowest, await rig.recovered());
  }
  await churn.pause();
  const failures = [...churn.failures, ...(await Promise.all(bulk)).flat()];
  rig.judge(failures, allowed);
  if (failures.length === 0) throw new Error('no connection was hit: nothing was tested');
  return `killed ${rounds} times, works again within ${seconds(slowest)}, ${failures.length} connections were broken off, ${churn.stats.connections} came`;
}

function killServer(context: Context, server: Kind): Promise<string> {
  return onRig(context, { client: 'ours', server }, async (rig) => {
    // The system ends the connections of a killed server to its target, in order.
    const seen = await killRounds(context, rig, 'server', { broken: true, cutAtTarget: true });
    return `${seen}, ${await rig.settle()}`;
  });
}

function killClient(context: Context, [client, server]: readonly [Kind, Kind]): Promise<string> {
  return onRig(context, { client, server }, async (rig) => {
    const seen = await killRounds(context, rig, 'client', { broken: true, cut: true, cutAtTarget: server !== 'ours' });
    return `${seen}, ${await rig.settle(KEEPALIVE)}`;
  });
}

/** The Go client is at fault when this takes long: it is measured and bounded. */
function killServerUnderGo(context: Context): Promise<string> {
  return onRig(context, { client: 'new', server: 'ours' }, async (rig) => {
    await rig.kill('server');
    await rig.start('server');
    const took = await rig.recovered(GO_CLIENT_RECOVERY);
    return `the Go client came back after ${seconds(took)}, ${await rig.settle(KEEPALIVE)}`;
  });
}
