#!/usr/bin/env node
// kcptun-server: everything it does is in @kcptun/cli.

import { runServer } from '@kcptun/cli';

await runServer();
