// Batches against packet by packet: what is sealed together opens alone and the other way round, what is decoded from a batch is decoded from
// single packets, and an endpoint that gets datagrams in batches delivers what one gets that is given each by itself.

import { Arena, BATCH_CAPACITY, DROPPED, HEADROOM, PacketBatch } from '@kcptun/common';
import { CRYPT_METHODS, createPacketCrypt, type PacketCrypt } from '@kcptun/crypt';
import { FecDecoder, FecEncoder, ShardPool } from '@kcptun/fec';
import { Endpoint, parseSessionParameters } from '@kcptun/session';
import type { Random } from '@kcptun/testkit';
import { type Comparison, difference, equalBytes } from './comparison.ts';

/** Sealing and opening, with some packets damaged. */
export const CRYPT_BATCHES: Comparison = {
  name: 'sealing and opening, batches and single packets',
  run(random) {
    const method = random.pick(CRYPT_METHODS);
    const options = {
      method,
      key: random.bytes(32),
      random: random.fork().source,
      memory: new Arena({ byteLength: 1 << 20, wasm: random.chance(0.5) }),
    };
    const crypt = createPacketCrypt(options);
    const plain = Array.from({ length: random.integer(1, 40) }, () => random.bytes(random.integer(1, 1400)));
    const together = seal(crypt, plain);
    const alone = plain.flatMap((packet) => seal(crypt, [packet]));
    const damaged = together.map((packet, index) => method !== 'null' && index % 5 === 4 && flip(packet, random));
    const opened = open(crypt, together);
    const openedAlone = together.flatMap((packet) => open(crypt, [packet]));
    for (const [index, packet] of plain.entries()) {
      const [a, b] = [opened[index], openedAlone[index]];
      if (damaged[index] === true) {
        if (a !== undefined || b !== undefined) return `${method}: damage of packet ${index} was not noticed`;
      } else if (a === undefined || b === undefined || !equalBytes(a, packet) || !equalBytes(b, packet)) {
        return `${method}: packet ${index} of ${packet.length} bytes`;
      }
    }
    for (const [index, packet] of open(crypt, alone).entries()) {
      if (packet === undefined || !equalBytes(packet, plain[index] as Uint8Array)) return `${method}: packet ${index}, sealed alone`;
    }
    crypt.close();
    return undefined;
  },
};

/** Flips bits behind the nonce, which checks of some methods do not cover; true: the packet is damaged. */
function flip(packet: Uint8Array, random: Random): true {
  const at = random.integer(Math.min(16, packet.length - 1), packet.length - 1);
  packet[at] = (packet[at] as number) ^ (1 << random.integer(0, 7));
  return true;
}

/** Seals packets as one batch. */
export function seal(crypt: PacketCrypt, plain: readonly Uint8Array[]): Uint8Array[] {
  const batch = new PacketBatch();
  for (const packet of plain) batch.bytes.set(packet, batch.offset[batch.add(HEADROOM, packet.length, 0)] as number);
  crypt.seal(batch);
  return plain.map((_, index) => batch.packet(index).slice());
}

/** Opens packets as one batch; `undefined` for those that were refused. */
export function open(crypt: PacketCrypt, sealed: readonly Uint8Array[]): (Uint8Array | undefined)[] {
  const batch = new PacketBatch();
  for (const packet of sealed) batch.addReceived(packet, 0);
  crypt.open(batch);
  return sealed.map((_, index) => (batch.length[index] === DROPPED ? undefined : batch.packet(index).slice()));
}

/** FEC: parity made in one batch or in one each, and groups decoded from either. */
export const FEC_BATCHES: Comparison = {
  name: 'FEC, batches and single packets',
  run(random) {
    const shards = { dataShards: random.integer(1, 12), parityShards: random.integer(1, 6) };
    const create = (): FecEncoder =>
      new FecEncoder({ ...shards, pool: new ShardPool({ memory: new Arena({ wasm: random.chance(0.5) }) }) });
    const encoders = [create(), create()] as const;
    const packets = Array.from({ length: random.integer(1, 60) }, () => random.bytes(random.integer(24, 1300)));
    const together: Uint8Array[] = [];
    let batch = new PacketBatch();
    const alone = packets.flatMap((packet) => encode(encoders[0], new PacketBatch(), packet));
    for (const packet of packets) {
      if (batch.count + 1 + shards.parityShards > 40) batch = new PacketBatch();
      together.push(...encode(encoders[1], batch, packet));
    }
    const problem = difference('parity', Buffer.concat(alone), Buffer.concat(together));
    if (problem !== undefined) return problem;
    const decoders = [0, 1].map(
      () => new FecDecoder({ ...shards, pool: new ShardPool({ memory: new Arena({ wasm: random.chance(0.5) }) }) }),
    );
    const received = random.shuffle(alone.filter(() => !random.chance(0.2)));
    const place = new PacketBatch();
    for (const packet of received) {
      place.clear();
      const index = place.addReceived(packet, 0);
      const [one, other] = [
        rebuilt(decoders[0] as FecDecoder, packet, 0, packet.length),
        rebuilt(decoders[1] as FecDecoder, place.bytes, place.offset[index] as number, packet.length),
      ];
      const wrong = difference('rebuilt', Buffer.concat(one), Buffer.concat(other));
      if (wrong !== undefined) return wrong;
      for (const bytes of one) if (!packets.some((original) => equalBytes(original, bytes))) return 'rebuilt what was never sent';
    }
    return undefined;
  },
};

function encode(encoder: FecEncoder, batch: PacketBatch, packet: Uint8Array): Uint8Array[] {
  const index = batch.add(HEADROOM, packet.length, 0);
  batch.bytes.set(packet, batch.offset[index] as number);
  const due = encoder.encode(batch, index, 0);
  const out = [batch.packet(index).slice()];
  for (let k = 0; k < due; k++) out.push(batch.packet(encoder.emitParity(batch, k, 0)).slice());
  return out;
}

function rebuilt(decoder: FecDecoder, bytes: Uint8Array, offset: number, length: number): Uint8Array[] {
  const count = decoder.decode(bytes, offset, length);
  return Array.from({ length: count }, (_, index) => {
    const at = decoder.recoveredOffset(index);
    return decoder.recoveredBytes.slice(at, at + decoder.recoveredLength(index));
  });
}

/** Two servers with the same datagrams, in batches and one by one. */
export const ENDPOINT_BATCHES: Comparison = {
  name: 'endpoints, batches and single datagrams',
  run(random) {
    const parameters = parseSessionParameters({
      mode: random.pick(['normal', 'fast3'] as const),
      dataShards: random.integer(0, 5),
      parityShards: random.integer(0, 3),
    });
    const key = random.bytes(32);
    const outbox: Uint8Array[] = [];
    const answers: Uint8Array[] = [];
    const create = (role: 'client' | 'server', out: Uint8Array[] | undefined): Endpoint =>
      new Endpoint({
        role,
        parameters,
        random: random.fork().source,
        crypt: createPacketCrypt({ method: 'salsa20', key, random: random.fork().source }),
        transmit: (batch) => {
          for (let index = 0; index < batch.count; index++) out?.push(batch.packet(index).slice());
          return batch.count;
        },
      });
    const client = create('client', outbox);
    const servers = [create('server', answers), create('server', undefined)] as const;
    const session = client.open(0, 0);
    const content = random.bytes(random.integer(1, 60_000));
    const heard: [Uint8Array[], Uint8Array[]] = [[], []];
    let written = 0;
    for (let now = 0; now < 60_000 && Buffer.concat(heard[0]).length < content.length; now += random.integer(1, 40)) {
      const part = Math.min(session.room(), content.length - written, random.integer(0, 8000));
      session.write(content, written, part);
      written += part;
      deliver(client, answers.splice(0), now, BATCH_CAPACITY);
      client.handleTimeout(now);
      client.flush(now);
      const arriving = random.shuffle(outbox.splice(0).filter(() => !random.chance(0.1)));
      for (const [index, server] of servers.entries()) {
        deliver(server, arriving, now, index === 0 ? BATCH_CAPACITY : 1);
        server.handleTimeout(now);
        while (server.pollEvent() !== undefined);
        for (const open of server.sessions()) {
          while (open.peek()) {
            heard[index as 0 | 1].push(open.readBytes.slice(open.readOffset, open.readOffset + open.readLength));
            open.consume(open.readLength);
          }
        }
        server.flush(now);
      }
      const problem = difference('delivered', Buffer.concat(heard[0]), Buffer.concat(heard[1]));
      if (problem !== undefined) return problem;
    }
    return difference('delivered in the end', Buffer.concat(heard[0]), content);
  },
};

function deliver(endpoint: Endpoint, datagrams: readonly Uint8Array[], now: number, most: number): void {
  for (let at = 0; at < datagrams.length; at += most) {
    const batch = new PacketBatch();
    for (const datagram of datagrams.slice(at, at + most)) batch.addReceived(datagram, 0);
    endpoint.handleDatagrams(batch, now);
  }
}
