// NAT rebinds in mid-transfer, with every cipher that lets a session move: up and down, with FEC and
// without. A share of the plan; KCPTUN_INTEROP=all runs each of them with both Go versions, and both ways at once.

import { allRoaming, findPrograms, Lanes, planRoaming, ROAMING_CIPHERS, type RoamingCase, runRebound, runRoaming } from '@kcptun/interop';
import { expect, test } from 'vitest';
import { everything, shareOf } from './share.ts';
import { suite } from './suite.ts';

const programs = await findPrograms();
const needed = [programs.goMissing, programs.oursMissing];
const lanes = new Lanes(4);

/** Both ways at once: what the plan leaves out. */
const BOTH: RoamingCase[] = [
  ...(['old', 'new', 'ours'] as const).map((client) => ({ client, crypt: 'aes', fec: '10/3', direction: 'both' as const })),
  { client: 'old', crypt: 'salsa20', fec: '0/0', direction: 'both' },
  { client: 'new', crypt: 'aes-128-gcm', fec: '0/0', direction: 'both' },
];
const cases = everything ? allRoaming() : [...shareOf(planRoaming(), 3), ...shareOf(BOTH, 2)];

test('the plan has every cipher up and down, with FEC and without, and every version with each of these', () => {
  const plan = planRoaming();
  for (const crypt of ROAMING_CIPHERS) {
    const own = plan.filter((planned) => planned.crypt === crypt);
    expect(new Set(own.map(({ fec, direction }) => `${fec} ${direction}`)).size).toBe(4);
    for (const client of crypt === 'aes-128-gcm' ? ['new'] : ['old', 'new']) {
      const values = own.filter((planned) => planned.client === client).flatMap(({ fec, direction }) => [fec, direction]);
      expect(new Set(values).size).toBe(4);
    }
  }
});

suite('a server of ours follows a client to other ports, in mid-transfer', needed, () => {
  test.each(cases)('$client client, $crypt, fec $fec, $direction', async (planned) => {
    const { moves, connections } = await lanes.run(() => runRoaming(programs, planned));
    expect(connections).toBe(1);
    expect(moves.length).toBeGreaterThanOrEqual(2);
    for (const [index, [from, to]] of moves.entries()) {
      expect(to).not.toBe(from);
      if (index > 0) expect(from).toBe(moves[index - 1]?.[1]);
    }
  });
});

suite('a client of ours finds out that a Go server has lost it to another port', needed, () => {
  test.each([
    { server: 'old', crypt: 'aes', fec: '10/3', direction: 'up' },
    { server: 'old', crypt: 'salsa20', fec: '0/0', direction: 'down' },
    { server: 'new', crypt: 'aes-128-gcm', fec: '10/3', direction: 'down' },
    { server: 'new', crypt: 'salsa20', fec: '0/0', direction: 'up' },
  ] as const)('$server server, $crypt, fec $fec, $direction', async (planned) => {
    const { failure, said } = await lanes.run(() => runRebound(programs, planned));
    // Reset, so that nobody takes half of it for the whole.
    expect(failure, said).toBe('broken');
  });
});
