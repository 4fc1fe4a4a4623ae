// Ends and networks that go quiet for a while and come back: nothing may be lost, no connection given up.

import type { Kind, Role } from '@kcptun/interop';
import { blackHole, type Direction } from './lab.ts';
import { pause, type Rig } from './rig.ts';
import { type Context, onRig, seconds, type TortureCase } from './torture-case.ts';

const RATE = 2e6;
const SILENCE = 10_000;
const SHORT_SILENCE = 3000;
/** A stop after which a server has given the sessions up that carry nothing: two of its keepalives. */
const LONG_STOP = 65_000;
/** What a client has made besides ends with a server's keepalive, 30 to 60 s later. */
const KEEPALIVE = 65_000;

/** The cases of this file. */
export const silences: readonly TortureCase[] = [
  { name: 'stop-server', ends: ['ours', 'ours'], short: true, run: (context) => stopped(context, ['ours', 'ours'], 'server') },
  { name: 'stop-server-go', ends: ['ours', 'new'], short: false, run: (context) => stopped(context, ['ours', 'new'], 'server') },
  { name: 'stop-client', ends: ['ours', 'ours'], short: false, run: (context) => stopped(context, ['ours', 'ours'], 'client') },
  { name: 'stop-client-of-go', ends: ['ours', 'new'], short: false, run: (context) => stopped(context, ['ours', 'new'], 'client') },
  { name: 'wake-client', ends: ['ours', 'ours'], short: false, run: (context) => woken(context, ['ours', 'ours']) },
  { name: 'wake-client-of-go', ends: ['ours', 'new'], short: false, run: (context) => woken(context, ['ours', 'new']) },
  { name: 'black-hole', ends: ['ours', 'ours'], short: true, run: (context) => cutOff(context, 'ours', ['both', 'up', 'down']) },
  { name: 'black-hole-go', ends: ['ours', 'new'], short: false, run: (context) => cutOff(context, 'new', ['both']) },
];

/** Ordinary connections before, in and after a silence: all of them end well. */
async function through(context: Context, rig: Rig, begin: () => () => void): Promise<{ recovered: number; connections: number }> {
  const { random, short } = context;
  const churn = rig.churn(RATE);
  churn.start();
  await pause(random.integer(100, short ? 300 : 1500));
  const { failures } = await rig.bulk(random);
  const end = begin();
  try {
    await pause(short ? SHORT_SILENCE : SILENCE);
  } finally {
    end();
  }
  const recovered = await rig.probe();
  await churn.pause();
  rig.judge([...churn.failures, ...(await failures)]);
  return { recovered, connections: churn.stats.connections };
}

function stopped(context: Context, [client, server]: readonly [Kind, Kind], role: Role): Promise<string> {
  return onRig(context, { client, server }, async (rig) => {
    const { recovered, connections } = await through(context, rig, () => {
      rig.program(role).signal('SIGSTOP');
      return () => rig.program(role).signal('SIGCONT');
    });
    return `works again within ${seconds(recovered)}, all ${connections} connections ended well, ${await rig.settle(KEEPALIVE)}`;
  });
}

/** An idle client is stopped, shortly and for longer than its server waits for it: the first connections after it work. */
function woken(context: Context, [client, server]: readonly [Kind, Kind]): Promise<string> {
  return onRig(context, { client, server }, async (rig) => {
    const seen: string[] = [];
    for (const length of context.short ? [SHORT_SILENCE] : [1000, SILENCE, LONG_STOP]) {
      rig.program('client').signal('SIGSTOP');
      await pause(length);
      rig.program('client').signal('SIGCONT');
      seen.push(`after ${seconds(length)} the slowest of the first took ${seconds(await rig.probe())}`);
    }
    return `${seen.join('; ')}, ${await rig.settle(KEEPALIVE)}`;
  });
}

function cutOff(context: Context, server: Kind, directions: readonly Direction[]): Promise<string> {
  return onRig(context, { client: 'ours', server }, async (rig) => {
    const seen: string[] = [];
    for (const direction of context.short ? directions.slice(0, 1) : directions) {
      const { recovered, connections } = await through(context, rig, () => blackHole(rig.udpPort, direction));
      seen.push(`${direction}: works again within ${seconds(recovered)}, all ${connections} connections ended well`);
    }
    return `${seen.join('; ')}, ${await rig.settle(KEEPALIVE)}`;
  });
}
