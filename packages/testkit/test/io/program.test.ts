// Spawned programs: waiting for output, early death, stopping; and ports to tell them.

import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import { freePort, Program } from '@kcptun/testkit/node';
import { describe, expect, onTestFinished, test } from 'vitest';

function node(script: string, env?: Record<string, string>): Program {
  const program = new Program(process.execPath, ['-e', script], { name: 'script', ...(env && { env }) });
  onTestFinished(() => void program.stop(0));
  return program;
}

describe('Program', () => {
  test('waits for output of both streams and tells how it ended', async () => {
    const program = node('console.log("out", process.env.WORD); console.error("err 42"); process.exitCode = 3', { WORD: 'hello' });
    expect((await program.waitFor(/out (\w+)/))[1]).toBe('hello');
    await program.waitFor(/err 42/);
    expect(await program.exited).toEqual({ code: 3, signal: null });
    expect(program.running).toBe(false);
    expect(program.signal('SIGTERM')).toBe(false);
    expect(await program.stop()).toEqual({ code: 3, signal: null });
  });

  test('looks only behind a mark', async () => {
    const program = node('process.on("SIGUSR2", () => console.log("ready 2")); console.log("ready 1"); setInterval(() => {}, 1000)');
    await program.waitFor(/ready/);
    const from = program.mark;
    expect(program.signal('SIGUSR2')).toBe(true);
    expect((await program.waitFor(/ready (\d)/, { from }))[1]).toBe('2');
  });

  test('fails with its output when it ends early', async () => {
    const program = node('console.log("some words"); process.exit(7)');
    await expect(program.waitFor(/never/)).rejects.toThrow(/script: ended with exit code 7 before .*never[\s\S]*some words/);
    await expect(program.waitFor(/never/)).rejects.toThrow(/exit code 7/);
  });

  test('fails with its output when the time is over', async () => {
    const program = node('console.log("alive"); setInterval(() => {}, 1000)');
    await program.waitFor(/alive/);
    await expect(program.waitFor(/never/, { timeoutMs: 20 })).rejects.toThrow(/not written within 20 ms[\s\S]*alive/);
  });

  test('fails when it cannot be started', async () => {
    const program = new Program('/no/such/program', []);
    await expect(program.waitFor(/x/)).rejects.toThrow(/could not be started/);
  });

  test('gives the result of work, its failure with the output, or the early death', async () => {
    const program = node('console.log("working"); setInterval(() => {}, 1000)');
    await program.waitFor(/working/);
    expect(await program.during(Promise.resolve(5))).toBe(5);
    await expect(program.during(Promise.reject(new Error('no luck')))).rejects.toThrow(/no luck[\s\S]*working/);
    const endless = program.during(new Promise(() => {}));
    program.signal('SIGKILL');
    await expect(endless).rejects.toThrow(/was ended by SIGKILL/);
  });

  test('kills what does not want to stop', async () => {
    const program = node('process.on("SIGTERM", () => {}); console.log("stubborn"); setInterval(() => {}, 1000)');
    await program.waitFor(/stubborn/);
    expect(await program.stop(20)).toEqual({ code: null, signal: 'SIGKILL' });
  });
});

describe('freePort', () => {
  test('gives different ports below the ephemeral range on which both protocols can listen', async () => {
    const ports = await Promise.all([freePort(), freePort(), freePort()]);
    expect(new Set(ports).size).toBe(3);
    for (const port of ports) {
      expect(port).toBeGreaterThanOrEqual(10_000);
      expect(port).toBeLessThan(32_768);
      await new Promise<void>((resolve, reject) => {
        const server = createServer().once('error', reject);
        server.listen(port, '127.0.0.1', () => server.close(() => resolve()));
      });
      await new Promise<void>((resolve, reject) => {
        const socket = createSocket('udp4').once('error', reject);
        socket.bind(port, '127.0.0.1', () => socket.close(() => resolve()));
      });
    }
  });
});
