// One run of the demo: builds the world, moves the file, reads the counters, takes everything down.

import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import net from 'node:net';
import { UdpRelay } from '@kcptun/testkit/node';
import { TunnelClient, TunnelServer } from '@kcptun/tunnel';

/** What to run. */
export interface DemoOptions {
  readonly bytes: number;
  /** Share of datagrams that the path loses, each way. */
  readonly loss: number;
  /** One-way delay in ms. */
  readonly delay: number;
  readonly seed: number;
  readonly fec: boolean;
  readonly onProgress: (label: string, done: number, total: number) => void;
}

/** What was seen. */
export interface DemoResult {
  readonly fec: boolean;
  readonly intact: boolean;
  readonly upMbps: number;
  readonly downMbps: number;
  readonly rtt: number;
  readonly datagrams: number;
  readonly lost: number;
  readonly repaired: number;
  readonly retransmitted: number;
  readonly overhead: number;
}

const PIECE = 64 * 1024;

/** Carries a file up and down once. */
export async function runDemo(options: DemoOptions): Promise<DemoResult> {
  const file = randomBytes(options.bytes);
  const wanted = createHash('sha256').update(file).digest('hex');
  const stored: Buffer[] = [];
  const target = await startStore(stored, options.bytes);
  const shared = {
    key: 'demo',
    compression: false,
    session: {
      mode: 'fast3' as const,
      sndWnd: 1024,
      rcvWnd: 1024,
      ...(options.fec ? {} : { dataShards: 0, parityShards: 0 }),
    },
  };
  const server = new TunnelServer({
    ...shared,
    listen: { host: '127.0.0.1', minPort: 0, maxPort: 0 },
    target: { host: '127.0.0.1', port: (target.address() as net.AddressInfo).port },
  });
  await server.start();
  const relay = await UdpRelay.start({ upstreamPort: server.port, seed: options.seed });
  for (const direction of [relay.up, relay.down]) {
    direction.setDelay(options.delay);
    direction.setLoss(options.loss);
  }
  const client = new TunnelClient({
    ...shared,
    listen: { host: '127.0.0.1', port: 0 },
    remote: { host: '127.0.0.1', minPort: relay.port, maxPort: relay.port },
  });
  await client.start();
  const name = options.fec ? 'with FEC   ' : 'without FEC';
  try {
    const upSeconds = await upload(client.port, file, (done) => options.onProgress(`${name} up  `, done, options.bytes));
    const rtt = client.stats().links[0]?.session.stats().srtt ?? 0;
    const downHash = createHash('sha256');
    const downSeconds = await download(client.port, downHash, options.bytes, (done) =>
      options.onProgress(`${name} down`, done, options.bytes),
    );
    const near = client.stats().snmp;
    const far = server.stats().snmp;
    const { up, down } = relay.stats;
    return {
      fec: options.fec,
      intact: hashOf(stored) === wanted && downHash.digest('hex') === wanted,
      upMbps: options.bytes / 1e6 / upSeconds,
      downMbps: options.bytes / 1e6 / downSeconds,
      rtt,
      datagrams: up.sent + down.sent,
      lost: up.lost + down.lost,
      repaired: near.FECRecovered + far.FECRecovered,
      retransmitted: near.RetransSegs + far.RetransSegs,
      overhead: (up.sentBytes + down.sentBytes) / (2 * options.bytes),
    };
  } finally {
    client.stop();
    server.stop();
    await relay.close();
    target.close();
  }
}

/** A target that stores what the first connection brings and gives it back to the second. */
async function startStore(stored: Buffer[], bytes: number): Promise<net.Server> {
  let connections = 0;
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    connections += 1;
    socket.on('error', () => {});
    if (connections > 1) {
      socket.resume();
      void give(socket, Buffer.concat(stored));
      return;
    }
    let got = 0;
    socket.on('data', (chunk) => {
      stored.push(chunk);
      got += chunk.length;
      if (got === bytes) socket.end('stored');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

async function give(socket: net.Socket, file: Buffer): Promise<void> {
  for (let at = 0; at < file.length; at += PIECE) {
    if (!socket.write(file.subarray(at, at + PIECE))) await once(socket, 'drain');
  }
  socket.end();
}

async function upload(port: number, file: Buffer, onProgress: (done: number) => void): Promise<number> {
  const started = performance.now();
  const socket = net.connect({ port, host: '127.0.0.1' });
  socket.resume();
  const stored = once(socket, 'end');
  const timer = setInterval(() => onProgress(Math.min(file.length - 1, Math.max(0, socket.bytesWritten - socket.writableLength))), 100);
  for (let at = 0; at < file.length; at += PIECE) {
    if (!socket.write(file.subarray(at, at + PIECE))) await once(socket, 'drain');
  }
  await stored;
  clearInterval(timer);
  socket.end();
  onProgress(file.length);
  return (performance.now() - started) / 1000;
}

async function download(
  port: number,
  hash: ReturnType<typeof createHash>,
  bytes: number,
  onProgress: (done: number) => void,
): Promise<number> {
  const started = performance.now();
  const socket = net.connect({ port, host: '127.0.0.1' });
  // A kcptun stream reaches the target with its first frame; the store waits for nothing else.
  let got = 0;
  let shown = 0;
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    hash.update(chunk);
    got += chunk.length;
    if (got - shown > bytes / 50 && got < bytes) {
      shown = got;
      onProgress(got);
    }
  }
  onProgress(got);
  return (performance.now() - started) / 1000;
}

function hashOf(pieces: readonly Buffer[]): string {
  const hash = createHash('sha256');
  for (const piece of pieces) hash.update(piece);
  return hash.digest('hex');
}
