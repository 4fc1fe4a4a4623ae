// A NAT that gives a client another port in mid-transfer: our server follows the session, a Go server
// makes another one, which our client must find out.

import { TransferError, type TransferFailure, transfer } from '@kcptun/testkit/node';
import { type Settings, USUAL_SETTINGS } from './case.ts';
import type { Ends } from './dedicated.ts';
import type { Kind, Programs } from './programs.ts';
import { startTunnel, type Tunnel } from './tunnel.ts';

/** Which way the payload goes. */
export type Direction = 'up' | 'down' | 'both';

/** What a NAT does other ports to. */
export interface RoamingCase {
  readonly client: Kind;
  /** `--crypt`. */
  readonly crypt: string;
  /** Shards of both ends, `10/3` or `0/0`. */
  readonly fec: string;
  readonly direction: Direction;
}

/** Ciphers with which our server follows a session: all but `none`, `null` and `xor`. */
export const ROAMING_CIPHERS: readonly string[] = [
  ...['aes', 'aes-128', 'aes-192', 'aes-128-gcm', 'salsa20', 'blowfish', 'twofish', 'cast5', '3des'],
  ...['tea', 'xtea', 'sm4'],
];

const FECS = ['10/3', '0/0'];
/** Enough for moves in between, also where the test itself is held up for a second: what has passed cannot be waited for. */
const BYTES = 5 * 1024 * 1024;
/** Bytes between two of them. */
const BETWEEN = 200 * 1024;
/** In bytes a second and in ms. */
const RATE = 3_000_000;
const QUEUE_BYTES = 300_000;
const DELAY = 2;
const MOVES = 2;

/** What only a keepalive finds out: a client that has nothing to send learns nothing of its new port. */
const KEEPALIVE = ['--keepalive', '1'];

/** Whether the Go version has the cipher. */
function knows(kind: Kind, crypt: string): boolean {
  return kind !== 'old' || crypt !== 'aes-128-gcm';
}

/** Every cipher with both versions of the Go client, with FEC and without, up, down and both at once. */
export function allRoaming(): RoamingCase[] {
  return ROAMING_CIPHERS.flatMap((crypt) =>
    (['old', 'new'] as const)
      .filter((client) => knows(client, crypt))
      .flatMap((client) =>
        FECS.flatMap((fec) => (['up', 'down', 'both'] as const).map((direction) => ({ client, crypt, fec, direction }))),
      ),
  );
}

/**
 * Every cipher up and down, with FEC and without; each version of the Go client (where it has the
 * cipher) meets both directions and both kinds of FEC.
 */
export function planRoaming(): RoamingCase[] {
  return allRoaming().filter(({ client, crypt, fec, direction }) => {
    if (direction === 'both') return false;
    const even = (FECS.indexOf(fec) + (direction === 'up' ? 0 : 1) + ROAMING_CIPHERS.indexOf(crypt)) % 2 === 0;
    return !knows('old', crypt) || (client === 'old') === even;
  });
}

/**
 * Moves 5 MiB in one connection to our server while a NAT gives the client another port twice.
 * @returns from where to where the server says the session went, and how many connections the target saw
 * @throws {Error} with the output of the programs when the transfer fails
 */
export async function runRoaming(programs: Programs, planned: RoamingCase): Promise<{ moves: [string, string][]; connections: number }> {
  const { client, direction } = planned;
  const tunnel = await startSlowTunnel(programs, { client, server: 'ours' }, planned);
  try {
    const { server, target } = tunnel;
    const said = (count: number): RegExp => new RegExp(`(session of conv [0-9]+ moved from [^]*){${count}}`);
    const roaming = async (): Promise<void> => {
      for (let move = 1; move <= MOVES; move++) {
        await passed(tunnel, direction, BETWEEN);
        await tunnel.relay?.changePorts();
        await server.waitFor(said(move));
      }
    };
    await tunnel.during(Promise.all([transfer(exchange(tunnel, direction)), roaming()]));
    const lines = [...server.output.matchAll(/session of conv [0-9]+ moved from ([0-9.:]+) to ([0-9.:]+)/g)];
    return { moves: lines.map(([, from = '', to = '']) => [from, to]), connections: target.stats.connections };
  } finally {
    await tunnel.stop();
  }
}

/**
 * A NAT gives our client another port in mid-transfer while the server is one of Go, which knows
 * sessions by their address: the connection is lost, and the next one must work.
 * @returns how the first connection ended, and what the client said
 * @throws {Error} with the output of the programs when the second one fails
 */
export async function runRebound(
  programs: Programs,
  planned: Omit<RoamingCase, 'client'> & { readonly server: Kind },
): Promise<{ failure: TransferFailure | undefined; said: string }> {
  const { server, direction } = planned;
  const tunnel = await startSlowTunnel(programs, { client: 'ours', server }, planned);
  try {
    const first = transfer(exchange(tunnel, direction)).then(
      () => undefined,
      (error: unknown) => {
        if (error instanceof TransferError) return error.failure;
        throw error;
      },
    );
    const moving = passed(tunnel, direction, BETWEEN).then(() => tunnel.relay?.changePorts());
    const [failure] = await tunnel.during(Promise.all([first, moving]));
    await tunnel.during(transfer({ ...exchange(tunnel, direction), seed: 2 }));
    return { failure, said: tunnel.client.output };
  } finally {
    await tunnel.stop();
  }
}

function startSlowTunnel(programs: Programs, ends: Ends, { crypt, fec }: Pick<RoamingCase, 'crypt' | 'fec'>): Promise<Tunnel> {
  const settings: Settings = { ...USUAL_SETTINGS, crypt, clientFec: fec, serverFec: fec, clientFlags: KEEPALIVE };
  return startTunnel({
    programs,
    ...ends,
    settings,
    relay(relay) {
      relay.up.setRate(RATE, QUEUE_BYTES).setDelay(DELAY);
      relay.down.setRate(RATE, QUEUE_BYTES).setDelay(DELAY);
    },
  });
}

function exchange({ port }: Tunnel, direction: Direction): { port: number; upload: number; download: number; order: 'at-once' } {
  return { port, upload: direction === 'down' ? 0 : BYTES, download: direction === 'up' ? 0 : BYTES, order: 'at-once' };
}

/** Resolves when so many bytes more have passed the relay. */
async function passed({ relay }: Tunnel, direction: Direction, bytes: number): Promise<void> {
  const link = direction === 'down' ? relay?.down : relay?.up;
  const from = link?.stats.deliveredBytes ?? 0;
  while ((link?.stats.deliveredBytes ?? 0) < from + bytes) await new Promise((resolve) => setTimeout(resolve, 2));
}
