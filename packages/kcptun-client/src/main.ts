#!/usr/bin/env node
import { runClient } from '@kcptun/cli';

await runClient();
