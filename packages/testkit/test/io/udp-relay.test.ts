// The relay between real sockets: addresses are kept apart, faults are counted, ports change on demand.

import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { UdpRelay } from '@kcptun/testkit/node';
import { describe, expect, onTestFinished, test } from 'vitest';

async function bound(): Promise<Socket> {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  onTestFinished(() => void socket.close());
  return socket;
}

/** An upstream that answers with the datagram and the port that it came from. */
async function upstream(): Promise<Socket> {
  const socket = await bound();
  socket.on('message', (bytes, from) => socket.send(Buffer.concat([bytes, Buffer.from(`@${from.port}`)]), from.port, from.address));
  return socket;
}

async function relayTo(socket: Socket): Promise<UdpRelay> {
  const relay = await UdpRelay.start({ upstreamPort: socket.address().port, seed: 5 });
  onTestFinished(() => relay.close());
  return relay;
}

async function answer(socket: Socket): Promise<string> {
  const [bytes] = (await once(socket, 'message')) as [Buffer, RemoteInfo];
  return bytes.toString();
}

describe('UdpRelay', () => {
  test('gives each client a port of its own and brings answers back', async () => {
    const relay = await relayTo(await upstream());
    const [first, second] = [await bound(), await bound()];
    const answers = [answer(first), answer(second)];
    first.send('one', relay.port, '127.0.0.1');
    second.send('two', relay.port, '127.0.0.1');
    const [one, two] = (await Promise.all(answers)) as [string, string];
    expect(one).toMatch(/^one@\d+$/);
    expect(two).toMatch(/^two@\d+$/);
    expect(one.split('@')[1]).not.toBe(two.split('@')[1]);
    expect(relay.stats).toMatchObject({ clients: 2, up: { sent: 2, delivered: 2 }, down: { sent: 2, delivered: 2 } });
  });

  test('goes on from other ports', async () => {
    const relay = await relayTo(await upstream());
    const client = await bound();
    const before = answer(client);
    client.send('a', relay.port, '127.0.0.1');
    const firstPort = (await before).split('@')[1];
    await relay.changePorts();
    const after = answer(client);
    client.send('b', relay.port, '127.0.0.1');
    expect((await after).split('@')[1]).not.toBe(firstPort);
    expect(relay.stats.clients).toBe(1);
  });

  test('loses, duplicates and delays as it is told', async () => {
    const sink = await bound();
    const relay = await relayTo(sink);
    relay.up.setLoss(0.5).setDuplicate(0.2).setDelay(2).setJitter(3).setReorder(0.1, 4);
    const client = await bound();
    const got: number[] = [];
    const complete = new Promise<void>((resolve) => {
      sink.on('message', (bytes) => {
        got.push(bytes[0] as number);
        if (relay.stats.up.sent === 200 && got.length === relay.stats.up.delivered) resolve();
      });
    });
    for (let index = 0; index < 200; index++) client.send(Buffer.of(index), relay.port, '127.0.0.1');
    await complete;
    const { up } = relay.stats;
    expect(up.lost).toBeGreaterThan(60);
    expect(up.lost).toBeLessThan(140);
    expect(up.delivered).toBe(200 - up.lost + up.duplicated);
    expect(new Set(got).size).toBe(200 - up.lost);
    expect(got).not.toEqual([...got].sort((a, b) => a - b));
  });

  test('drops what is on its way when it is closed', async () => {
    const sink = await bound();
    const got: string[] = [];
    sink.on('message', (bytes) => got.push(bytes.toString()));
    const [closed, open] = [await relayTo(sink), await relayTo(sink)];
    closed.up.setDelay(20);
    open.up.setDelay(40);
    const client = await bound();
    client.send('x', closed.port, '127.0.0.1');
    client.send('y', closed.port, '127.0.0.1');
    await expect.poll(() => closed.stats.up.delivered, { interval: 1 }).toBe(2);
    await closed.close();
    await closed.close();
    // What is sent later and takes longer comes behind what the first relay had under way.
    client.send('z', open.port, '127.0.0.1');
    await expect.poll(() => got).toContain('z');
    expect(got).toEqual(['z']);
  });
});
