// All targets.

import type { FuzzTarget } from '../target.ts';
import { clientTarget, serverTarget } from './datagrams.ts';
import { fecTarget } from './fec.ts';
import { jsonTarget, wordsTarget } from './settings.ts';
import { smuxTarget } from './smux.ts';
import { snappyBlockTarget, snappyTarget } from './snappy.ts';

/** Everything that is fuzzed. */
export const TARGETS: readonly FuzzTarget[] = [
  serverTarget,
  clientTarget,
  smuxTarget,
  snappyTarget,
  snappyBlockTarget,
  fecTarget,
  jsonTarget,
  wordsTarget,
];
