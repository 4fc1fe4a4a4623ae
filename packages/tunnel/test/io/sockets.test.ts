// --mtu and --sockbuf of a whole tunnel: the datagrams that a relay between the ends sees, and what the log says of the kernel.

import { readFileSync } from 'node:fs';
import { transfer, type UdpRelay } from '@kcptun/testkit/node';
import { createNodeHost } from '@kcptun/transport';
import type { TunnelOptions } from '@kcptun/tunnel';
import { describe, expect, it } from 'vitest';
import { at, connect, Log, startClient, startServer, startWorld, until } from './world.ts';

const NO_FEC = { dataShards: 0, parityShards: 0 };
const FEC = { dataShards: 4, parityShards: 2 };

/** Ciphers of each framing, and the bytes it takes with FEC off and a payload of one byte. */
const FRAMINGS = [
  ['aes', 45],
  ['salsa20', 45],
  ['none', 45],
  ['aes-128-gcm', 53],
  ['null', 25],
] as const;

describe('--mtu', () => {
  const cases = FRAMINGS.flatMap(([crypt, least]) =>
    [NO_FEC, FEC].flatMap((shards) => {
      const smallest = least + (shards === FEC ? 8 : 0);
      return [smallest, 576, 1350, 1500].map((mtu) => ({ crypt, ...shards, mtu, smallest }));
    }),
  );

  it.each(cases)('$crypt, $dataShards+$parityShards, $mtu: no datagram is longer, and full ones are not shorter', async (options) => {
    const { crypt, mtu, dataShards, parityShards, smallest } = options;
    let path: UdpRelay | undefined;
    const session = { mtu, dataShards, parityShards, nodelay: 1, interval: 10, nc: 1, sndWnd: 512, rcvWnd: 512 } as const;
    const shared: Partial<TunnelOptions> = { crypt, session, compression: false };
    const { client } = await startWorld({
      shared,
      relay: (relay) => {
        path = relay;
        // Lost packets are sent again, and rebuilt from parity.
        if (mtu > smallest) relay.down.setLoss(0.02);
      },
    });
    // At the least mtu each packet carries one byte.
    const size = mtu === smallest ? 200 : 60_000;
    await transfer({ port: client.port, upload: size, download: size, order: 'at-once' });
    expect([path?.stats.up.longest, path?.stats.down.longest]).toEqual([mtu, mtu]);
  });

  it.each(FRAMINGS)('%s: what leaves no room is refused at both ends', async (crypt, least) => {
    for (const [shards, headers] of [
      [NO_FEC, 0],
      [FEC, 8],
    ] as const) {
      const options = { key: 'k', crypt, session: { mtu: least + headers - 1, ...shards } } as const;
      const refusal = { code: 'KCPTUN_ERR_TUNNEL_CONFIG', message: expect.stringContaining(`mtu ${least + headers - 1} leaves no room`) };
      await expect(startClient({ ...options, remote: at(1) })).rejects.toMatchObject(refusal);
      await expect(startServer({ ...options, target: { path: '/x' } })).rejects.toMatchObject(refusal);
    }
  });
});

describe.runIf(process.platform === 'linux')('--sockbuf above the limit of the system', () => {
  it('is said once by each end, with the sysctl, however many sockets there are', async () => {
    const limits = ['rmem_max', 'wmem_max'].map((name) => Number(readFileSync(`/proc/sys/net/core/${name}`, 'utf8')));
    const socketBuffer = Math.max(...limits) + 1;
    // Root gets more than the limit from the native backend.
    const host = createNodeHost({ native: false });
    const [clientLog, serverLog] = [new Log(), new Log()];
    const { client } = await startWorld({
      shared: { socketBuffer, host },
      client: { connections: 3, logger: clientLog },
      server: { logger: serverLog },
    });
    const sockets = [1, 2, 3].map(() => connect(client.port));
    await until(() => client.stats().links.length === 3);
    for (const socket of sockets) socket.destroy();
    for (const { troubles } of [clientLog, serverLog]) {
      expect(troubles).toEqual([
        `--sockbuf ${socketBuffer}: the kernel grants ${limits[0]} to receive and ${limits[1]} to send; ` +
          `for more run: sysctl -w net.core.rmem_max=${socketBuffer} net.core.wmem_max=${socketBuffer}`,
      ]);
    }
  });
});

describe('fake TCP that cannot be had', () => {
  const host = createNodeHost({ native: false });
  const obstacle =
    process.platform === 'linux'
      ? '--tcp needs native code, which is switched off (KCPTUN_NO_NATIVE)'
      : `--tcp works on Linux only; this is ${process.platform}`;

  it('keeps a client from starting', async () => {
    const refused = startClient({ remote: at(29_900), host, fakeTcp: true });
    await expect(refused).rejects.toMatchObject({ code: 'KCPTUN_ERR_TUNNEL_FAKE_TCP', message: obstacle });
  });

  it('leaves a server with UDP, and one line that says so', async () => {
    const { client, server, serverLog, target } = await startWorld({ server: { host, fakeTcp: true } });
    expect(serverLog.troubles).toEqual([`${obstacle}; serving UDP only`]);
    expect([server.addresses.length, server.tcpAddresses]).toEqual([1, []]);
    await transfer({ port: client.port, upload: 1000, download: 1000 });
    expect(target.stats.answered).toBe(1);
  });
});
