// A client hears answers from other addresses than the called one, and is not deceived by a stranger who
// has the server's port and everything that was ever sent, but not the key.

import { type CryptMethod, deriveKey } from '@kcptun/crypt';
import { parseSessionParameters, type Session } from '@kcptun/session';
import { checkPattern, patternBytes, SimWorld } from '@kcptun/testkit';
import { describe, expect, test } from 'vitest';
import { MAX_UNANSWERED } from '../src/answer-source.ts';
import { Scheduler, type SessionOwner, type SocketAddress, UdpEndpoint } from '../src/index.ts';

const CLIENT = '10.0.0.2';
const SERVER = '10.0.0.3';
const CALLED = '10.0.2.3';
const STRANGER = '10.0.0.5';
const PORT = 29_900;
const DELAY = 20;
/** What either end says, long enough for several datagrams. */
const UP = patternBytes(6000, 1);
const DOWN = patternBytes(6000, 2);

interface Datagram {
  readonly from: SocketAddress;
  readonly to: SocketAddress;
  readonly bytes: Uint8Array;
}

/** A client that calls the second address of a server, and a stranger. */
class Scene {
  readonly sent: Datagram[] = [];
  readonly toClient: string[] = [];
  readonly world: SimWorld;
  readonly crypt: CryptMethod;
  client!: UdpEndpoint;
  server!: UdpEndpoint;
  session!: Session;
  readonly heard: { client: number[]; server: number[] } = { client: [], server: [] };

  constructor(crypt: CryptMethod, answersFromCalled: boolean, serverIsUp = true) {
    this.crypt = crypt;
    this.world = new SimWorld({
      seed: 7,
      configure: (link) => {
        link.setDelay(DELAY);
      },
      tap: {
        sent: (from, to, bytes) => this.sent.push({ from, to, bytes: bytes.slice() }),
        arrived: () => {},
      },
    });
    const server = this.world.host(SERVER);
    this.world.host(STRANGER);
    this.world.addAddress(SERVER, CALLED);
    server.answersFromCalled = answersFromCalled;
    if (serverIsUp) this.server = this.#open(SERVER);
    this.client = this.#open(CLIENT);
    this.session = this.client.openSession(this.#owner('client', () => this.session));
  }

  #open(address: string): UdpEndpoint {
    const host = this.world.host(address);
    const isClient = address === CLIENT;
    const role = isClient ? ('client' as const) : ('server' as const);
    let opened: UdpEndpoint | undefined;
    const options = {
      role,
      crypt: host.createCrypt(this.crypt, deriveKey('answers')),
      parameters: parseSessionParameters({ dataShards: 0, parityShards: 0 }),
      host: '',
      ...(isClient ? { port: 0, remote: { address: CALLED, port: PORT, family: 4 as const }, anySource: true } : { port: PORT }),
    };
    const onSession = (session: Session): void => {
      session.establish();
      session.owner = this.#owner('server', () => session);
      session.write(DOWN, 0, DOWN.length);
    };
    UdpEndpoint.open(host, new Scheduler(host), options, { onSession }, (_error, udp) => {
      opened = udp;
    });
    this.world.clock.advanceBy(1);
    return opened as UdpEndpoint;
  }

  #owner(end: 'client' | 'server', session: () => Session): SessionOwner {
    return {
      onReadable: () => {
        const reading = session();
        while (reading.peek()) {
          const { readBytes, readOffset, readLength } = reading;
          this.heard[end].push(...readBytes.subarray(readOffset, readOffset + readLength));
          reading.consume(readLength);
        }
      },
      onWritable: () => {},
      onClosed: () => {},
    };
  }

  get where(): SocketAddress {
    return { ...this.client.socket.local, address: CLIENT };
  }

  /** Another session on the same socket. */
  reopen(): void {
    this.session.close();
    this.client.flush();
    this.session = this.client.openSession(this.#owner('client', () => this.session));
  }

  say(): void {
    this.session.write(UP, 0, UP.length);
    this.client.flush();
  }

  run(time: number): void {
    this.world.clock.advanceBy(time);
  }

  /** The stranger sends datagrams of others to the client, from the server's port. */
  play(which: (datagram: Datagram) => boolean): number {
    const chosen = this.sent.filter(({ from }) => from.address !== STRANGER).filter(which);
    for (const { bytes } of chosen) this.world.host(STRANGER).send(PORT, this.where, bytes);
    return chosen.length;
  }

  expectWell(): void {
    for (const [end, seed, length] of [
      ['client', 2, DOWN.length],
      ['server', 1, UP.length],
    ] as const) {
      expect(this.heard[end].length, end).toBe(length);
      expect(checkPattern(Uint8Array.from(this.heard[end]), seed, 0), end).toBe(-1);
    }
  }
}

const ofClient = ({ from }: Datagram): boolean => from.address === CLIENT;
const ofServer = (datagram: Datagram): boolean => !ofClient(datagram);

describe.each(['aes', 'salsa20', 'aes-128-gcm', 'xor', 'none', 'null'] as const)('with %s', (crypt) => {
  test.each([
    ['the called address', true],
    ['another address', false],
  ])('a client that is answered from %s takes nothing of its own for an answer', (_, answersFromCalled) => {
    const scene = new Scene(crypt, answersFromCalled);
    scene.say();
    // Long before the server's answer can be there.
    scene.run(1);
    scene.world.link(STRANGER, CLIENT).setDelay(1);
    const count = scene.play(ofClient);
    expect(count).toBeGreaterThan(4);
    scene.run(5);
    expect(scene.heard.client).toEqual([]);
    expect(scene.session.heard).toBe(false);
    expect(scene.client.endpoint.counters.replayed).toBe(count);
    scene.run(1000);
    scene.expectWell();
    // And when the server is known: not even read.
    const { InPkts } = scene.client.endpoint.counters.snapshot();
    const before = scene.client.endpoint.counters.guards();
    expect(scene.play(() => true)).toBeGreaterThan(2 * count);
    scene.run(1000);
    expect(scene.client.endpoint.counters.snapshot().InPkts).toBe(InPkts);
    expect(scene.client.endpoint.counters.guards()).toEqual(before);
    scene.expectWell();
  });
});

describe.each(['aes', 'salsa20', 'aes-128-gcm'] as const)('with %s', (crypt) => {
  test('a stranger who forwards the first answer is heard until the called address has answered, and can give back nothing', () => {
    const scene = new Scene(crypt, true);
    scene.say();
    // Faster than the network, once.
    scene.world.link(STRANGER, CLIENT).setDelay(0);
    while (!scene.sent.some(ofServer)) scene.run(1);
    const answer = scene.sent.find(ofServer) as Datagram;
    scene.play((datagram) => datagram === answer);
    scene.run(1);
    expect(scene.session.heard).toBe(true);
    scene.play(ofClient);
    scene.run(2);
    scene.run(1000);
    scene.expectWell();
    const { InPkts } = scene.client.endpoint.counters.snapshot();
    scene.play(() => true);
    scene.run(1000);
    expect(scene.client.endpoint.counters.snapshot().InPkts).toBe(InPkts);
    scene.expectWell();
  });
});

test('a client that has sent more without an answer than it remembers hears the called address only', () => {
  const scene = new Scene('null', false, false);
  while (scene.sent.length <= MAX_UNANSWERED) {
    const before = scene.sent.length;
    for (let room = scene.session.room(); room > 0; room = scene.session.room()) scene.session.write(UP, 0, Math.min(room, UP.length));
    scene.client.flush();
    expect(scene.sent.length).toBeGreaterThan(before);
    if (scene.sent.length <= MAX_UNANSWERED) scene.reopen();
  }
  // Those of the last session: KCP would take them.
  const recorded = new Set(scene.sent.slice(-10));
  expect(scene.play((datagram) => recorded.has(datagram))).toBe(10);
  scene.run(100);
  const { counters } = scene.client.endpoint;
  expect([counters.replayed, counters.snapshot().InPkts, scene.heard.client.length]).toEqual([0, 0, 0]);
}, 60_000);
