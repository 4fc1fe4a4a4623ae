// How tunnels begin and end: stops, restarts, drains, addresses of every kind, and what they tell about themselves.

import dgram from 'node:dgram';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkPattern, patternBytes, Random } from '@kcptun/testkit';
import { freePort, Program, startTarget, transfer } from '@kcptun/testkit/node';
import { TunnelClient, TunnelServer } from '@kcptun/tunnel';
import { describe, expect, it } from 'vitest';
import { at, atEnd, closed, connect, Log, listen, startClient, startServer, startWorld, until } from './world.ts';

/** Where half of a connection may stay open, an end closes nothing by itself. */
const endsInTurn = (socket: net.Socket): net.Socket => socket.on('end', () => socket.end());
const QUICK = { smux: { keepAliveInterval: 100, keepAliveTimeout: 400 } };

describe('stop', () => {
  it('of the server: the client notices, and new connections work once it is back', async () => {
    const { client, server, target, clientLog } = await startWorld({ shared: QUICK });
    await transfer({ port: client.port, upload: 1000, download: 1000 });
    const held = connect(client.port);
    held.resume();
    held.write('x');
    await target.opened(1);
    const { port } = server;
    server.stop();
    await closed(held);
    expect(clientLog.troubles.join()).toContain('keep-alive timeout');
    await startServer({ ...QUICK, listen: at(port), target: { host: '127.0.0.1', port: target.port } });
    await transfer({ port: client.port, upload: 100_000, download: 100_000 });
    await until(() => client.stats().streams === 0 && client.stats().chunks === 0);
  });

  it('of the client ends quiet streams at the server at once', async () => {
    const { client, server, target } = await startWorld();
    const near = connect(client.port);
    near.resume();
    near.write('x');
    await target.opened(1);
    await until(() => server.stats().streams === 1 && client.stats().links.every((link) => link.session.drained));
    const ended = closed(near);
    client.stop();
    await ended;
    await until(() => target.stats.open === 0 && server.stats().streams === 0);
    expect(client.stats()).toMatchObject({ streams: 0, links: [], chunks: 0 });
    // The heartbeat has not come yet: it was the FIN that told.
    expect(server.stats().links).toHaveLength(1);
  });

  it('of the client in the middle of a transfer: nothing stays at either end', async () => {
    let taken = 0;
    let wrong = -1;
    const port = await listen((socket) => {
      socket.on('data', (bytes) => {
        wrong = Math.max(wrong, checkPattern(bytes, 3, taken));
        taken += bytes.length;
      });
      socket.on('end', () => socket.end());
    });
    const { client, server } = await startWorld({ shared: QUICK, targetPort: port });
    const near = connect(client.port);
    near.resume();
    near.write(patternBytes(20_000_000, 3));
    await until(() => taken > 1_000_000);
    const ended = closed(near);
    client.stop();
    await ended;
    await until(() => server.stats().links.length === 0 && server.stats().streams === 0 && server.stats().chunks === 0);
    expect(client.stats()).toMatchObject({ streams: 0, links: [], chunks: 0 });
    expect(wrong).toBe(-1);
  });

  it('resets connections whose ends do not read', async () => {
    const stuck: net.Socket[] = [];
    // A reset behind unread bytes may be told as an end.
    const port = await listen((socket) => {
      stuck.push(endsInTurn(socket));
      socket.write(patternBytes(12_000_000, 3));
    });
    const { client, server } = await startWorld({ targetPort: port });
    const near = endsInTurn(connect(client.port));
    near.write(patternBytes(12_000_000, 3));
    await until(() => client.stats().chunks > 0 && server.stats().chunks > 0);
    const ends = [closed(near), ...stuck.map((socket) => closed(socket))];
    client.stop();
    server.stop();
    near.resume();
    for (const socket of stuck) socket.resume();
    await Promise.all(ends);
    await until(() => client.stats().chunks === 0 && server.stats().chunks === 0);
  });

  it('twice is once, and nothing starts twice', async () => {
    const { client, server } = await startWorld();
    let stopped = 0;
    client.on('stopped', () => {
      stopped += 1;
    });
    await expect(client.start()).rejects.toMatchObject({ code: 'KCPTUN_ERR_TUNNEL_STATE' });
    await expect(server.start()).rejects.toMatchObject({ code: 'KCPTUN_ERR_TUNNEL_STATE' });
    for (const tunnel of [client, server, client, server]) tunnel.stop();
    expect(stopped).toBe(1);
    await expect(client.start()).rejects.toMatchObject({ code: 'KCPTUN_ERR_TUNNEL_STATE' });
    expect(await client.drain(1000)).toBe(false);
  });

  it('while it starts leaves no socket', async () => {
    const port = await freePort();
    const client = new TunnelClient({ key: 'k', listen: { host: '127.0.0.1', port }, remote: at(1) });
    const server = new TunnelServer({ key: 'k', listen: { host: '127.0.0.1', minPort: port, maxPort: port + 3 }, target: { path: '/x' } });
    const starts = [client.start(), server.start()].map((start) =>
      expect(start).rejects.toMatchObject({ code: 'KCPTUN_ERR_TUNNEL_STOPPED' }),
    );
    client.stop();
    server.stop();
    await Promise.all(starts);
    await startClient({ listen: { host: '127.0.0.1', port }, remote: at(1) });
    await startServer({ listen: at(port), target: { path: '/x' } });
  });

  it('lets the process end by itself', async () => {
    const script = `
      import { once } from 'node:events';
      import net from 'node:net';
      import { TunnelClient, TunnelServer } from '@kcptun/tunnel';
      const target = net.createServer((socket) => socket.on('error', () => {}).pipe(socket)).listen(0, '127.0.0.1');
      await once(target, 'listening');
      const server = new TunnelServer({ key: 'k', listen: { host: '127.0.0.1', minPort: 0, maxPort: 0 }, target: { host: '127.0.0.1', port: target.address().port } });
      await server.start();
      const client = new TunnelClient({ key: 'k', listen: { host: '127.0.0.1', port: 0 }, remote: { host: '127.0.0.1', minPort: server.port, maxPort: server.port } });
      await client.start();
      const socket = net.connect(client.port, '127.0.0.1');
      socket.on('error', () => {});
      socket.write('hello');
      console.log(String(await once(socket, 'data')));
      target.close();
      client.stop();
      server.stop();
    `;
    const program = new Program(process.execPath, ['--input-type=module', '-e', script], { name: 'script', cwd: import.meta.dirname });
    atEnd(() => program.stop(0));
    await program.waitFor(/hello/);
    expect(await program.exited).toEqual({ code: 0, signal: null });
  });
});

describe('drain', () => {
  it('lets what is open finish, and takes nothing new', async () => {
    const { client, server } = await startWorld();
    let release = (): void => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const running = transfer({ port: client.port, upload: 500_000, download: 500_000, gate });
    await until(() => server.stats().streams === 1);
    const port = client.port;
    const drained = client.drain(10_000);
    const refused = net.connect(port, '127.0.0.1');
    expect(((await once(refused, 'error')) as [NodeJS.ErrnoException])[0].code).toBe('ECONNREFUSED');
    release();
    await running;
    expect(await drained).toBe(true);
    expect(client.stats()).toMatchObject({ streams: 0, links: [], chunks: 0 });
  });

  it('of the server loses nothing that is still on its way', async () => {
    const port = await listen((socket) => {
      socket.resume();
      socket.end(patternBytes(300_000, 3));
    });
    const { client, server } = await startWorld({
      targetPort: port,
      relay: (relay) => {
        relay.up.setDelay(40);
        relay.down.setDelay(40);
      },
    });
    // By event: the target is done within milliseconds, while its bytes are on their way for much longer.
    const opened = once(server, 'stream');
    const near = connect(client.port);
    let received = 0;
    near.on('data', (bytes) => {
      received += bytes.length;
    });
    near.end();
    await opened;
    expect(await server.drain(10_000)).toBe(true);
    await until(() => received === 300_000);
  });

  it('gives up after its time', async () => {
    const { client, server } = await startWorld();
    const near = connect(client.port);
    near.resume().on('end', () => near.end());
    near.write('x');
    await until(() => server.stats().streams === 1);
    const ended = closed(near);
    expect(await server.drain(50)).toBe(false);
    expect(await client.drain(50)).toBe(false);
    await ended;
  });
});

describe('addresses', () => {
  it.skipIf(process.platform === 'win32')('unix sockets at both ends', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'kcptun-'));
    atEnd(() => rmSync(folder, { recursive: true, force: true }));
    const path = join(folder, 'target.sock');
    const target = net.createServer({ allowHalfOpen: true }, (socket) => socket.on('error', () => {}).pipe(socket)).listen(path);
    await once(target, 'listening');
    atEnd(() => target.close());
    const server = await startServer({ target: { path } });
    const listening = join(folder, 'client.sock');
    const client = await startClient({ listen: { path: listening }, remote: at(server.port) });
    expect(client.address).toBe(listening);
    const near = connect(listening);
    let back = '';
    near.setEncoding('utf8').on('data', (text) => {
      back += text;
    });
    near.end('through two unix sockets');
    await closed(near);
    expect(back).toBe('through two unix sockets');
    // An end that is not orderly: a unix socket cannot be reset, and must be closed all the same.
    const held = endsInTurn(connect(listening));
    held.resume().write('x');
    await until(() => server.stats().streams === 1);
    const ended = closed(held);
    client.stop();
    await ended;
    await until(() => server.stats().streams === 0);
    expect(existsSync(listening)).toBe(false);
  });

  it.skipIf(process.platform === 'win32')('a unix socket that a killed process has left is replaced, one in use is not', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'kcptun-'));
    atEnd(() => rmSync(folder, { recursive: true, force: true }));
    const path = join(folder, 'client.sock');
    const script = `require('node:net').createServer().listen(${JSON.stringify(path)}, () => console.log('listening'))`;
    const owner = new Program(process.execPath, ['-e', script], { name: 'owner' });
    atEnd(() => owner.stop(0));
    await owner.waitFor(/listening/);
    const refused = { code: 'KCPTUN_ERR_TUNNEL_LISTEN', message: `listen EADDRINUSE: address already in use ${path}` };
    await expect(startClient({ listen: { path }, remote: at(1) })).rejects.toMatchObject(refused);
    owner.signal('SIGKILL');
    await owner.exited;
    expect(existsSync(path)).toBe(true);
    const client = await startClient({ listen: { path }, remote: at(1) });
    expect(client.address).toBe(path);
    client.stop();
    await until(() => !existsSync(path));
    // Whatever else has that name stays.
    writeFileSync(path, 'not a socket');
    await expect(startClient({ listen: { path }, remote: at(1) })).rejects.toMatchObject(refused);
    expect(existsSync(path)).toBe(true);
  });

  it('IPv6', async () => {
    const target = await startTarget({ host: '::1' });
    atEnd(() => target.close());
    const server = await startServer({ listen: at(0, '::1'), target: { host: '::1', port: target.port } });
    const client = await startClient({ listen: { host: '::1', port: 0 }, remote: at(server.port, '::1') });
    expect(server.addresses).toEqual([`[::1]:${server.port}`]);
    expect(client.address).toBe(`[::1]:${client.port}`);
    await transfer({ port: client.port, host: '::1', upload: 100_000, download: 100_000 });
  });

  it('a range of ports, and sessions that spread over it', async () => {
    const target = await startTarget();
    atEnd(() => target.close());
    // A range needs ports in a row: look for one.
    let server: TunnelServer | undefined;
    while (server === undefined) {
      const first = await freePort();
      const range = { host: '127.0.0.1', minPort: first, maxPort: first + 9 };
      server = await startServer({ listen: range, target: { host: '127.0.0.1', port: target.port } }).catch(() => undefined);
    }
    expect(server.addresses).toHaveLength(10);
    const remote = { host: '127.0.0.1', minPort: server.port, maxPort: server.port + 9 };
    const client = await startClient({ remote, connections: 12 });
    await Promise.all(Array.from({ length: 12 }, (_, seed) => transfer({ port: client.port, upload: 1000, download: 1000, seed })));
    expect(client.stats().links).toHaveLength(12);
    expect(new Set(client.stats().links.map((link) => link.remoteLabel)).size).toBeGreaterThan(1);
  });

  it('more sessions than a small memory has room for', async () => {
    const { client } = await startWorld({ client: { connections: 120 } });
    await Promise.all(Array.from({ length: 120 }, (_, seed) => transfer({ port: client.port, upload: 100, download: 100, seed })));
    expect(client.stats().links).toHaveLength(120);
  });

  it('that are taken: one error that says which', async () => {
    const { client, server } = await startWorld();
    await expect(startClient({ listen: { host: '127.0.0.1', port: client.port }, remote: at(1) })).rejects.toMatchObject({
      code: 'KCPTUN_ERR_TUNNEL_LISTEN',
      message: `listen EADDRINUSE: address already in use 127.0.0.1:${client.port}`,
    });
    await expect(startServer({ listen: at(server.port), target: { path: '/x' } })).rejects.toMatchObject({
      code: 'KCPTUN_ERR_TUNNEL_LISTEN',
      message: `bind EADDRINUSE 127.0.0.1:${server.port}: address already in use`,
    });
  });

  it('by name, and a server whose name is not known', async () => {
    const target = await startTarget();
    atEnd(() => target.close());
    const listen = at(0, 'localhost');
    const server = await startServer({ listen, target: { host: 'localhost', port: target.port } });
    const client = await startClient({ listen: { host: 'localhost', port: 0 }, remote: at(server.port, 'localhost') });
    await transfer({ port: client.port, host: 'localhost', upload: 1000, download: 1000 });
    await expect(startServer({ listen: at(1, 'no-such-host.invalid'), target: { path: '/x' } })).rejects.toMatchObject({
      code: 'KCPTUN_ERR_TUNNEL_LISTEN',
      message: expect.stringMatching(/^lookup no-such-host\.invalid: /),
    });
  });

  it('that no resolver knows: a line for each attempt, and the next connection tries again', async () => {
    const log = new Log();
    const client = await startClient({ remote: at(29_900, 'no-such-host.invalid'), logger: log });
    const near = connect(client.port);
    near.resume();
    // Beside it there may be one of the session that the start would have made.
    await until(() => log.troubles.some((line) => /^re-connecting in 1 s: lookup no-such-host\.invalid: /.test(line)));
    const { length } = log.troubles;
    const ended = closed(near);
    client.stop();
    await ended;
    expect(log.troubles).toHaveLength(length);
  });
});

describe('options', () => {
  it('that leave no room for payload are refused at start', async () => {
    const options = { key: 'k', session: { mtu: 50 }, crypt: 'aes' } as const;
    await expect(startClient({ ...options, remote: at(1) })).rejects.toMatchObject({ code: 'KCPTUN_ERR_TUNNEL_CONFIG' });
    await expect(startServer({ ...options, target: { path: '/x' } })).rejects.toMatchObject({ code: 'KCPTUN_ERR_TUNNEL_CONFIG' });
  });

  it.each([
    [{ crypt: 'rot13' as 'aes' }, /^crypt must be one of/],
    [{ connections: 0 }, /^connections must be between 1 and 65535, got 0$/],
    [{ session: { sndWnd: 0 } }, /sndWnd/],
    [{ smux: { version: 3 as 2 } }, /version/],
    [{ socketBuffer: -1 }, /socketBuffer/],
    [{ qpp: { count: 0 } }, /qpp\.count/],
  ])('%j are refused by name', (options, message) => {
    const create = (): TunnelClient => new TunnelClient({ key: 'k', listen: { path: '/x' }, remote: at(1), ...options });
    expect(create).toThrow(message);
    expect(create).toThrow(expect.objectContaining({ code: 'KCPTUN_ERR_TUNNEL_CONFIG' }));
  });
});

describe('foreign datagrams', () => {
  it('at the port of the server do not disturb a transfer', async () => {
    const { client, server, serverLog } = await startWorld();
    const random = new Random(11);
    const socket = dgram.createSocket('udp4');
    atEnd(() => socket.close());
    let sent = 0;
    const throwGarbage = setInterval(() => {
      for (let count = 0; count < 20; count++) socket.send(random.bytes(random.integer(0, 1500)), server.port, '127.0.0.1');
      sent += 20;
    }, 1);
    atEnd(() => clearInterval(throwGarbage));
    await transfer({ port: client.port, upload: 3_000_000, download: 3_000_000 });
    await until(() => sent >= 200);
    expect(serverLog.troubles).toHaveLength(1);
    expect(serverLog.troubles[0]).toMatch(/failed the integrity check/);
    expect(server.stats().snmp.InCsumErrors).toBeGreaterThan(100);
    expect(server.stats().links).toHaveLength(1);
  });
});

describe('what a tunnel tells', () => {
  it('events, statistics and diagnostics channels, each once', async () => {
    const published: string[] = [];
    const onOpen = (message: unknown): void => void published.push(`open ${(message as { label: string }).label}`);
    const onClose = (message: unknown): void => void published.push(`close ${(message as { label: string }).label}`);
    subscribe('kcptun:stream:open', onOpen);
    subscribe('kcptun:stream:close', onClose);
    atEnd(() => {
      unsubscribe('kcptun:stream:open', onOpen);
      unsubscribe('kcptun:stream:close', onClose);
    });
    const { client, server, clientLog, serverLog } = await startWorld({ client: { quiet: true } });
    const events: string[] = [];
    for (const [name, tunnel] of [
      ['client', client],
      ['server', server],
    ] as const) {
      tunnel.on('session', () => events.push(`${name} session`));
      tunnel.on('stream', () => events.push(`${name} stream`));
      tunnel.on('streamClosed', (_stream, error) => events.push(`${name} streamClosed ${error?.message ?? 'in order'}`));
      tunnel.on('sessionClosed', () => events.push(`${name} sessionClosed`));
      tunnel.on('stopped', () => events.push(`${name} stopped`));
    }
    await transfer({ port: client.port, upload: 5000, download: 7000 });
    await until(() => client.stats().streams + server.stats().streams === 0);
    const { snmp } = client.stats();
    expect(snmp.ActiveOpens).toBe(1);
    expect(server.stats().snmp.PassiveOpens).toBe(1);
    expect(snmp.OutPkts).toBeGreaterThan(2);
    expect(snmp.BytesReceived).toBeGreaterThan(100);
    client.stop();
    server.stop();
    expect(events.filter((event) => event.startsWith('client'))).toEqual([
      'client session',
      'client stream',
      'client streamClosed in order',
      'client sessionClosed',
      'client stopped',
    ]);
    expect(events.filter((event) => event.startsWith('server'))).toEqual([
      'server session',
      'server stream',
      'server streamClosed in order',
      'server sessionClosed',
      'server stopped',
    ]);
    expect(published.filter((line) => line.startsWith('open'))).toHaveLength(2);
    expect(published.filter((line) => line.startsWith('close'))).toHaveLength(2);
    expect(clientLog.matching(/^stream /)).toEqual([]);
    expect(serverLog.matching(/^stream opened in: 127\.0\.0\.1:\d+\(3\) out: 127\.0\.0\.1:\d+$/)).toHaveLength(1);
    expect(serverLog.matching(/^stream closed in: 127\.0\.0\.1:\d+\(3\) out: 127\.0\.0\.1:\d+$/)).toHaveLength(1);
    expect(serverLog.matching(/^remote address: 127\.0\.0\.1:\d+$/)).toHaveLength(1);
    expect(clientLog.matching(/^smux version: 2 on connection: \S+ -> 127\.0\.0\.1:\d+$/)).toHaveLength(1);
  });
});
