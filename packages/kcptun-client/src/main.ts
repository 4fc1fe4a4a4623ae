#!/usr/bin/env node
// kcptun-client: everything it does is in @kcptun/cli, which is loaded behind the first statement.

// SIGUSR1 asks for the counters. Until somebody listens to it, Node opens its debugger instead.
process.on('SIGUSR1', () => {});

const { closeUnaskedInspector, runClient } = await import('@kcptun/cli');
await closeUnaskedInspector();
await runClient();
