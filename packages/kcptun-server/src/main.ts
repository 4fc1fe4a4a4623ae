#!/usr/bin/env node
import { runServer } from '@kcptun/cli';

await runServer();
