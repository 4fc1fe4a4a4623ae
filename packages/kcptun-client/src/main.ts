#!/usr/bin/env node
// kcptun-client: everything it does is in @kcptun/cli.

import { runClient } from '@kcptun/cli';

await runClient();
