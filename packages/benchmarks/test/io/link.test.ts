// The emulated link does to packets what it is told. Needs what bench:wan needs, above all root.

import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { afterEach, describe, expect, it } from 'vitest';
import { FAR_ADDRESS, type Lab, type LinkReport, type LinkShape, openLab } from '../../src/wan/lab.ts';

/** Why it cannot be tested here. */
function findObstacle(): string | undefined {
  if (process.getuid?.() !== 0) return 'not root';
  if (!existsSync('/dev/net/tun')) return 'no /dev/net/tun';
  for (const command of [
    ['cc', '--version'],
    ['ip', 'netns', 'list'],
  ]) {
    try {
      execFileSync(command[0] ?? '', command.slice(1), { stdio: 'ignore' });
    } catch {
      return `no ${command.join(' ')}`;
    }
  }
  return undefined;
}

/** Sends `count` datagrams of 1000 bytes, `gap` ms apart, and prints how many an echo at the other end sent back, and the times. */
const SENDER = `
  const [count, gap, host] = [+process.argv[1], +process.argv[2], process.argv[3]];
  const socket = require('node:dgram').createSocket('udp4'), sent = [], times = [];
  socket.on('message', (data) => times.push([data.readUInt32LE(), performance.now() - sent[data.readUInt32LE()]]));
  const send = (n) => { const data = Buffer.alloc(1000); data.writeUInt32LE(n); sent[n] = performance.now(); socket.send(data, 7001, host); };
  let n = 0;
  console.log('begins');
  const timer = setInterval(() => { send(n++); if (n === count) clearInterval(timer); }, gap);
  if (gap === 0) { clearInterval(timer); while (n < count) send(n++); }
  setTimeout(() => { console.log(JSON.stringify(times)); process.exit(); }, count * gap + 1500);`;
const ECHO = `
  const socket = require('node:dgram').createSocket('udp4');
  socket.on('message', (data, from) => socket.send(data, from.port, from.address)).bind(7001, () => console.log('up'));`;

let lab: Lab | undefined;
afterEach(async () => {
  await lab?.close();
  lab = undefined;
});

interface Outcome {
  /** Round trips: number of the datagram, ms. */
  readonly times: readonly (readonly [number, number])[];
  readonly report: LinkReport;
}

async function send(shape: Partial<LinkShape>, count: number, gap: number): Promise<Outcome> {
  lab = await openLab({ rtt: 0, loss: 0, rate: 0, queue: 1000, ...shape }, 1, 'cubic', 0);
  const echo = lab.start('far', [process.execPath, '-e', ECHO]);
  await once(echo.stdout as NodeJS.ReadableStream, 'data');
  const sender = lab.start('near', [process.execPath, '-e', SENDER, `${count}`, `${gap}`, FAR_ADDRESS]);
  const lines: string[] = [];
  createInterface({ input: sender.stdout as NodeJS.ReadableStream }).on('line', (line) => {
    // Time begins with the first datagram.
    if (lines.length === 0) lab?.begin();
    lines.push(line);
  });
  await once(sender, 'close');
  return { times: JSON.parse(lines[1] ?? '') as [number, number][], report: await lab.endLink() };
}

const obstacle = findObstacle();
describe.skipIf(obstacle !== undefined)(`the emulated link${obstacle === undefined ? '' : ` (NOT TESTED HERE: ${obstacle})`}`, () => {
  it('delays by the round-trip time and keeps the order', async () => {
    const { times, report } = await send({ rtt: 60 }, 50, 5);
    expect(times.map(([number]) => number)).toEqual(Array.from({ length: 50 }, (_, index) => index));
    expect(Math.min(...times.map(([, ms]) => ms))).toBeGreaterThanOrEqual(60);
    expect(report.up).toMatchObject({ lost: 0, policed: 0 });
  });

  it('lets packets overtake each other with jitter', async () => {
    const { times } = await send({ rtt: 20, jitter: 40 }, 100, 2);
    const numbers = times.map(([number]) => number);
    expect(numbers.length).toBe(100);
    expect(numbers).not.toEqual([...numbers].sort((a, b) => a - b));
  });

  it('drops what its queue has no room for', async () => {
    const { report } = await send({ rate: 1, queue: 20 }, 100, 0);
    // One of them is sent while the others come.
    expect(report.up.dropped).toBeGreaterThanOrEqual(70);
    expect(report.up.carried).toBeGreaterThanOrEqual(20);
  });

  it('loses as many in runs as one by one', async () => {
    const lostOf = async (burst: number): Promise<{ share: number; runs: number }> => {
      const { times } = await send({ loss: 20, burst }, 1500, 1);
      await lab?.close();
      const there = new Set(times.map(([number]) => number));
      const lost = Array.from({ length: 1500 }, (_, index) => !there.has(index));
      return { share: lost.filter(Boolean).length / 1500, runs: lost.filter((is, index) => is && lost[index - 1] !== true).length };
    };
    const [alone, inRuns] = [await lostOf(1), await lostOf(8)];
    // There and back: 36 %.
    expect(alone.share).toBeGreaterThan(0.3);
    expect(alone.share).toBeLessThan(0.42);
    expect(inRuns.share).toBeGreaterThan(0.2);
    expect(inRuns.share).toBeLessThan(0.52);
    expect(inRuns.runs).toBeLessThan(alone.runs / 2);
  });

  it('polices: a bucket passes at once, the rest is dropped', async () => {
    const { report } = await send({ police: { rate: 0.1, bucket: 20_560 } }, 100, 0);
    // Datagrams of 1000 bytes have 28 bytes of headers: twenty fill the bucket.
    expect(report.up.policed).toBeGreaterThanOrEqual(75);
    expect(report.up.carried).toBeGreaterThanOrEqual(20);
    expect(report.up.carried).toBeLessThanOrEqual(25);
  });

  it('has a bottleneck of recorded capacity', async () => {
    const { times } = await send({ trace: 'att-lte' }, 600, 0);
    // 600 kB at some megabits a second: the last ones wait for a second and more.
    expect(Math.max(...times.map(([, ms]) => ms))).toBeGreaterThan(300);
    expect(times.length).toBeGreaterThan(50);
  });

  it('changes over time', async () => {
    const { times } = await send({ changes: '1000:loss=100,2000:loss=0:delay=40' }, 300, 10);
    const numbers = times.map(([number]) => number);
    const gaps = numbers.map((number, index) => number - (numbers[index - 1] ?? -1));
    expect(Math.max(...gaps), 'a second without any').toBeGreaterThan(20);
    expect(Math.min(...times.slice(0, 20).map(([, ms]) => ms))).toBeLessThan(40);
    expect(times.at(-1)?.[1]).toBeGreaterThanOrEqual(80);
  });
});
