// The port of --pprof on running programs: profiles that can be read, statistics that are true, and who is kept out.

import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { startTarget, touch } from '@kcptun/testkit/node';
import { describe, expect, onTestFinished, test } from 'vitest';
import { messages, startClient, startPair } from './programs.ts';

interface Answer {
  readonly status: number | undefined;
  readonly headers: http.IncomingHttpHeaders;
  readonly text: string;
}

function ask(port: number, path: string, options: http.RequestOptions = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = http.request({ host: '127.0.0.1', port, path, agent: false, ...options }, async (response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of response) chunks.push(chunk as Buffer);
      resolve({ status: response.statusCode, headers: response.headers, text: Buffer.concat(chunks).toString() });
    });
    request.on('error', reject).end();
  });
}

async function startObserved(): Promise<{ readonly pprof: number; readonly port: number; readonly clientOutput: () => string }> {
  const target = await startTarget();
  onTestFinished(() => target.close());
  const { client, port } = await startPair(target.port, ['--key', 'hush'], ['--pprof', '--pprof-listen', '127.0.0.1:0', '--quiet']);
  const [, text] = await client.waitFor(/pprof server: http:\/\/127\.0\.0\.1:(\d+)\/ has CPU profiles and heap snapshots of V8/);
  return { pprof: Number(text), port, clientOutput: () => client.output };
}

test('profiles, statistics, a page that explains them; strangers and nonsense are refused', async () => {
  const { pprof, port, clientOutput } = await startObserved();

  const page = await ask(pprof, '/');
  expect(page).toMatchObject({ status: 200, headers: { 'content-type': expect.stringContaining('text/html') } });
  expect(page.text).toMatch(/profiles of V8, not those of Go/);
  expect(await ask(pprof, '/debug/pprof/')).toMatchObject({ status: 200, text: page.text });
  expect(clientOutput()).not.toContain('can be reached from outside');

  const refused = async (path: string, options: http.RequestOptions = {}) => (await ask(pprof, path, options)).status;
  expect(await refused('/nothing')).toBe(404);
  // No URL at all: a program that ends on it could be ended by any web page.
  for (const path of ['//', '//[', 'http://']) expect(await refused(path)).toBe(400);
  expect(await refused('/stats', { method: 'POST' })).toBe(405);
  expect(await refused('/stats', { headers: { host: 'evil.example' } })).toBe(403);
  expect(await refused('/debug/pprof/heap', { headers: { 'sec-fetch-site': 'cross-site' } })).toBe(403);
  for (const page of ['http://evil.example/', `http://127.0.0.1:${pprof + 1}/`, 'null', '']) {
    for (const path of ['/stats', '/debug/pprof/heap', '/debug/pprof/profile?seconds=1']) {
      expect(await refused(path, { headers: { origin: page } })).toBe(403);
      expect(await refused(path, { headers: { referer: page } })).toBe(403);
    }
  }
  const own = `http://127.0.0.1:${pprof}`;
  expect(await refused('/stats', { headers: { origin: own, referer: `${own}/debug/pprof/` } })).toBe(200);
  expect(await refused('/stats', { headers: { origin: own, referer: 'http://evil.example/' } })).toBe(403);
  expect(await refused('/stats', { headers: { host: `localhost:${pprof}`, 'sec-fetch-site': 'none' } })).toBe(200);
  for (const seconds of ['0', '-1', '301', 'x', '']) expect(await refused(`/debug/pprof/profile?seconds=${seconds}`)).toBe(400);

  // While one profile runs there is no other; one whose reader goes away makes room.
  const running = http
    .get({ host: '127.0.0.1', port: pprof, path: '/debug/pprof/profile?seconds=300', agent: false })
    .on('error', () => {});
  await untilStatus(pprof, 503);
  running.destroy();
  await untilStatus(pprof, 200);

  const heap = await ask(pprof, '/debug/pprof/heap');
  expect(heap.headers['content-disposition']).toMatch(/^attachment; filename="kcptun-client-\d+-\d{8}T\d{6}Z\.heapsnapshot"$/);
  const snapshot = JSON.parse(heap.text) as { readonly snapshot: { readonly node_count: number }; readonly nodes: readonly number[] };
  expect(snapshot.snapshot.node_count).toBeGreaterThan(1000);

  const near = net.connect(port, '127.0.0.1').on('error', () => {});
  onTestFinished(() => void near.destroy());
  await once(near, 'connect');
  near.write(Buffer.alloc(5000));
  const stats = async () => JSON.parse((await ask(pprof, '/stats')).text);
  for (let sent = 0; sent < 5000; ) sent = (await stats()).sessions[0]?.streams[0]?.sent ?? 0;
  const { sessions, ...program } = await stats();
  expect(program).toMatchObject({ program: 'kcptun-client', pid: expect.any(Number), uptime: expect.any(Number), streams: 1 });
  expect(program.snmp).toMatchObject({ ActiveOpens: 1, CurrEstab: 1 });
  expect(program.guards).toMatchObject({ Replayed: 0, Moves: 0 });
  expect(program.memory.rss).toBeGreaterThan(1e7);
  expect(sessions).toHaveLength(1);
  expect(sessions[0]).toMatchObject({
    remote: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
    conv: expect.any(Number),
    srtt: expect.any(Number),
  });
  expect(sessions[0].streams).toEqual([
    {
      ...{ sid: 3, label: expect.stringMatching(/^in: 127\.0\.0\.1:\d+ out: 127\.0\.0\.1:\d+\(3\)$/), age: expect.any(Number) },
      ...{ sent: 5000, received: 0, queued: expect.any(Number), unread: 0 },
    },
  ]);
  expect(JSON.stringify({ sessions, program })).not.toContain('hush');
});

/** Waits for what a short profile answers; the good answer is a profile. */
async function untilStatus(port: number, status: number): Promise<void> {
  const end = performance.now() + 30_000;
  for (;;) {
    const answer = await ask(port, '/debug/pprof/profile?seconds=0.1');
    if (answer.status === status) {
      if (status === 200) {
        expect(answer.headers['content-disposition']).toMatch(/\.cpuprofile"$/);
        expect(JSON.parse(answer.text)).toMatchObject({
          nodes: expect.any(Array),
          startTime: expect.any(Number),
          samples: expect.any(Array),
        });
      }
      return;
    }
    if (performance.now() > end) throw new Error(`no answer ${status} within 30 s, the last was ${answer.status}`);
  }
}

describe('the address', () => {
  test('that is taken is said in one line, and the tunnel works', async () => {
    const blocker = net.createServer().listen(0, '127.0.0.1');
    await once(blocker, 'listening');
    onTestFinished(() => void blocker.close());
    const { port: taken } = blocker.address() as net.AddressInfo;
    const target = await startTarget();
    onTestFinished(() => target.close());
    const { client, port } = await startPair(target.port, [], ['--pprof', '--pprof-listen', `127.0.0.1:${taken}`]);
    await client.waitFor(/pprof server: .*EADDRINUSE.*; choose another address with --pprof-listen/);
    await client.during(touch({ port }));
    expect(messages(client.output).filter((line) => line.includes('EADDRINUSE'))).toHaveLength(1);
  });

  test('that others can reach is warned of', async () => {
    const { client } = await startClient(1, ['--pprof', '--pprof-listen', ':0']);
    await client.waitFor(/WARNING: the pprof server on \S+:\d+ can be reached from outside, and a heap snapshot holds the key/);
  });
});
