// What a case of the torture is.

import type { Kind, Programs } from '@kcptun/interop';
import type { Random } from '@kcptun/testkit';
import { Rig, type RigOptions } from './rig.ts';

/** What a case is given. */
export interface Context {
  readonly programs: Programs;
  /** Decides everything that is left to chance. */
  readonly random: Random;
  /** Fewer rounds and shorter faults. */
  readonly short: boolean;
}

/** One kind of torture. */
export interface TortureCase {
  /** For `--only`. */
  readonly name: string;
  /** Which programs it needs, as client and server. */
  readonly ends: readonly [client: Kind, server: Kind];
  /** Whether it belongs to the short form. */
  readonly short: boolean;
  /** Resolves with what was seen, in a few words. @throws {Error} when something was not as it must be */
  run(context: Context): Promise<string>;
}

/** Runs work on a rig and takes it down; what goes wrong comes with what the programs said. */
export async function onRig(
  { programs, random, short }: Context,
  options: Omit<RigOptions, 'programs' | 'seed' | 'short'>,
  work: (rig: Rig) => Promise<string>,
): Promise<string> {
  const rig = await Rig.open({ ...options, programs, short, seed: random.u32() });
  try {
    const seen = await work(rig);
    await rig.close();
    return seen;
  } catch (error) {
    throw await rig.failed(error);
  }
}

/** Milliseconds as a person reads them. */
export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`;
}
