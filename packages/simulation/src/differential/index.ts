/** All comparisons. */

import { COMP_BACKENDS, CRYPT_BACKENDS, QPP_PIECES, RS_BACKENDS } from './backends.ts';
import { CRYPT_BATCHES, ENDPOINT_BATCHES, FEC_BATCHES } from './batches.ts';
import type { Comparison } from './comparison.ts';
import { GO_TRACES } from './go-traces.ts';
import { IKCP_CONVERSATION, IKCP_RECEIVER } from './ikcp.ts';

/** Every comparison there is. */
export const COMPARISONS: readonly Comparison[] = [
  IKCP_CONVERSATION,
  IKCP_RECEIVER,
  GO_TRACES,
  CRYPT_BATCHES,
  FEC_BATCHES,
  ENDPOINT_BATCHES,
  CRYPT_BACKENDS,
  COMP_BACKENDS,
  RS_BACKENDS,
  QPP_PIECES,
];
