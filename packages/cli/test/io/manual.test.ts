// Every command line of the original's manuals starts, with the settings that the manual means; the quick starts carry data.

import { parseCommandLine, type Side, settingLines } from '@kcptun/cli';
import { freePort, startTarget, transfer } from '@kcptun/testkit/node';
import { expect, onTestFinished, test } from 'vitest';
import { MANUAL_LINES, type ManualLine } from '../manual-lines.ts';
import { start } from './programs.ts';

/** Addresses of this machine for the placeholders of a manual, and ports that nobody else has. */
async function placed(side: Side, line: string, ports: { udp?: number; tcp?: number } = {}): Promise<string[]> {
  const udp = ports.udp ?? (await freePort());
  const words = line
    .replace(/\S+:3000-4000/, `127.0.0.1:${udp}-${udp}`)
    .replace(/ :3000-4000/, ` 127.0.0.1:${udp}-${udp}`)
    .replace(/(KCP_SERVER_IP|server_ip):4000/, `127.0.0.1:${udp}`)
    .replace('TARGET_IP:8388', `127.0.0.1:${ports.tcp ?? 9}`)
    .replace(/-l :8388/, '-l 127.0.0.1:0')
    .replace(/-l :4000/, `-l 127.0.0.1:${udp}`)
    .split(' ');
  const given = (flag: string): boolean => words.includes(flag);
  if (!given('-l')) words.push('-l', side === 'client' ? '127.0.0.1:0' : `127.0.0.1:${udp}`);
  return words;
}

const LINES = MANUAL_LINES.filter(
  (each, index) => MANUAL_LINES.findIndex(({ side, line }) => side === each.side && line === each.line) === index,
);

/** So many programs start at a time. */
const AT_ONCE = 6;
const batches = Array.from({ length: Math.ceil(LINES.length / AT_ONCE) }, (_, at) => LINES.slice(at * AT_ONCE, (at + 1) * AT_ONCE));

test.each(batches.map((batch) => [batch.map(({ from }) => from).join(', '), batch] as const))('%s', async (_, batch) => {
  await Promise.all(batch.map(expectStarts));
});

async function expectStarts({ side, line }: ManualLine): Promise<void> {
  const argv = await placed(side, line);
  const program = start(side, argv, { env: { KCPTUN_KEY: 'k' } });
  await program.waitFor(side === 'client' ? /pprof: / : /Listening on: /);
  const commandLine = parseCommandLine(side, argv, { KCPTUN_KEY: 'k' });
  if (commandLine.action !== 'run') throw new Error(`asks for ${commandLine.action}`);
  const expected = settingLines(side, commandLine.settings.options, '').filter((each) => !each.startsWith('listening on'));
  const logged = program.output.split('\n').map((each) => each.slice(20));
  for (const setting of expected) expect(logged, line).toContain(setting);
  await program.stop(500);
}

test.each(['quick start 2016', 'quick start 2025', 'quick start late 2016'])('%s carries data', async (from) => {
  const target = await startTarget();
  onTestFinished(() => target.close());
  const udp = await freePort();
  const lineOf = (side: Side): string => MANUAL_LINES.find((each) => each.from === from && each.side === side)?.line as string;
  const server = start('server', await placed('server', lineOf('server'), { udp, tcp: target.port }));
  await server.waitFor(/Listening on: /);
  const client = start('client', await placed('client', lineOf('client'), { udp }));
  const [, port] = await client.waitFor(/listening on: 127\.0\.0\.1:(\d+)[\s\S]*pprof: /);
  await client.during(transfer({ port: Number(port), upload: 200_000, download: 300_000 }));
});
