// A server that does not listen, and the machine that says so: real sockets, real ICMP.

import dgram from 'node:dgram';
import { freePort, transfer } from '@kcptun/testkit/node';
import { createNodeHost } from '@kcptun/transport';
import { describe, expect, it } from 'vitest';
import { override } from '../simulation.ts';
import { at, connect, Log, startClient, startWorld, until } from './world.ts';

const probe = createNodeHost({ native: process.env['KCPTUN_NO_NATIVE'] !== '1' });
/** node:dgram is told nothing by a socket that hears any address. */
const told = probe.datagramBackend.startsWith('native');

const REFUSED = /^127\.0\.0\.1:\d+: nobody listens there, says the network \(ICMP\)/;
const PASSED_OVER = /^session to 127\.0\.0\.1:\d+ ended: nobody listens there$/;

/** A host whose clients take the first port of a range that is left. */
function firstPortFirst() {
  const host = createNodeHost();
  const random = (bytes: Uint8Array): void => {
    if (bytes.length === 4) bytes.fill(0);
    else host.random(bytes);
  };
  return override(host, { random });
}

/** The last of so many free ports. */
async function endOfFreeRange(length: number): Promise<number> {
  const free = (port: number): Promise<boolean> =>
    new Promise((resolve) => {
      const socket = dgram.createSocket('udp4').on('error', () => resolve(false));
      socket.bind(port, '127.0.0.1', () => socket.close(() => resolve(true)));
    });
  for (;;) {
    const last = await freePort();
    const ports = Array.from({ length }, (_, index) => last - index);
    if ((await Promise.all(ports.map(free))).every(Boolean)) return last;
  }
}

describe.skipIf(!told)('where the machine says that nobody listens', () => {
  it('a refusing port of a range is passed over, and no pause is made', async () => {
    const port = await endOfFreeRange(5);
    await startWorld({ server: { listen: at(port) } });
    const log = new Log();
    const remote = { host: '127.0.0.1', minPort: port - 4, maxPort: port };
    const client = await startClient({ logger: log, remote, host: firstPortFirst() });
    await transfer({ port: client.port, upload: 100_000, download: 100_000 });
    expect(log.matching(PASSED_OVER)).toHaveLength(4);
    expect(log.matching(/re-connecting|nothing comes back|says the network/)).toEqual([]);
  });

  it('it is said at once, once, and the session lives on for a server that starts later', async () => {
    const port = await freePort();
    const log = new Log();
    const client = await startClient({ logger: log, remote: at(port) });
    connect(client.port).write('a request');
    await until(() => log.matching(REFUSED).length > 0);
    // Not the words that come when patience has an end.
    expect(log.matching(/re-connecting|nothing comes back/)).toEqual([]);
    expect(client.stats().links).toHaveLength(1);
  });
});
