// A server that may open few files, and a client that opens more connections than that: the server goes on, answers
// those who look at it, and serves others.

import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { fileURLToPath } from 'node:url';
import { freePort, Program, startTarget } from '@kcptun/testkit/node';
import { expect, onTestFinished, test } from 'vitest';
import { start, until } from './programs.ts';

const SERVER = fileURLToPath(new URL('../../../kcptun-server/dist/main.js', import.meta.url));
const FILES = 300;
const APPLICATIONS = 400;

/** The answer to a poll of `/stats` over a connection that is kept. */
function poll(port: number, agent: http.Agent): Promise<{ status: number | undefined; streams: number }> {
  return new Promise((resolve, reject) => {
    const request = http.get({ host: '127.0.0.1', port, path: '/stats', agent }, async (response) => {
      let text = '';
      for await (const part of response.setEncoding('utf8')) text += part;
      resolve({ status: response.statusCode, streams: response.statusCode === 200 ? JSON.parse(text).streams : -1 });
    });
    request.on('error', reject);
  });
}

test.runIf(process.platform === 'linux')('a server at its limit of files lives, answers and serves others', async () => {
  const target = await startTarget();
  onTestFinished(() => target.close());
  const [udpPort, flags] = [await freePort(), ['--key', 'few files', '--quiet']];
  const words = [...flags, '-l', `127.0.0.1:${udpPort}`, '-t', `127.0.0.1:${target.port}`, '--pprof', '--pprof-listen', '127.0.0.1:0'];
  const limited = ['-c', `ulimit -n ${FILES} && exec "$@"`, 'sh', process.execPath, SERVER, ...words];
  const server = new Program('sh', limited, { name: 'kcptun-server', env: { KCPTUN_KEY: undefined } });
  onTestFinished(() => void server.stop(500));
  const [, pprof] = await server.waitFor(/pprof server: http:\/\/127\.0\.0\.1:(\d+)\//);
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  onTestFinished(() => agent.destroy());
  expect((await poll(Number(pprof), agent)).status).toBe(200);

  const startClient = async (): Promise<number> => {
    const client = start('client', [...flags, '-l', '127.0.0.1:0', '-r', `127.0.0.1:${udpPort}`]);
    const [, port] = await client.waitFor(/listening on: 127\.0\.0\.1:(\d+)/);
    return Number(port);
  };
  const port = await startClient();
  let refused = 0;
  for (let made = 0; made < APPLICATIONS; made++) {
    const socket = net.connect(port, '127.0.0.1').on('error', () => {});
    onTestFinished(() => void socket.destroy());
    socket.on('close', () => {
      refused += 1;
    });
    socket.write('x');
  }
  await until(() => refused > APPLICATIONS / 2, 'the refusal of most connections');
  const { status, streams } = await poll(Number(pprof), agent);
  expect(status).toBe(200);
  expect(streams).toBeGreaterThan(50);
  // Another connection to the profiler, and another client.
  expect((await poll(Number(pprof), new http.Agent())).status).toBe(200);
  const near = net.connect(await startClient(), '127.0.0.1').on('error', () => {});
  onTestFinished(() => void near.destroy());
  await once(near, 'connect');
  near.write('x');
  await until(async () => (await poll(Number(pprof), agent)).streams > streams, 'the connection of the other client');
  expect(server.output.split('\n').filter((line) => /refused|cannot be reached/.test(line)).length).toBeLessThanOrEqual(21);
  expect(server.output).not.toMatch(/internal error/);
});
