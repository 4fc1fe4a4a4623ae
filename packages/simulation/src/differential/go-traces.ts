// The recorded packets of kcp-go, delivered to two receivers in an order of chance, with doubles: one takes packet by packet and flushes as kcp-go
// does, the other takes batches and flushes once for each. Both must come to the same, which is what the packets themselves say.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Kcp } from '@kcptun/kcp-core';
import type { Random } from '@kcptun/testkit';
import { type Comparison, difference } from './comparison.ts';

interface Trace {
  readonly name: string;
  readonly conv: number;
  readonly config: { readonly mtu: number; readonly startsn: number; readonly stream: boolean; readonly acknodelay: boolean };
  readonly packets: readonly string[];
  readonly ops: readonly { readonly e: string; readonly out: readonly number[] }[];
}

const vectors = createRequire(import.meta.url)
  .resolve('@kcptun/testkit/package.json')
  .replace('package.json', 'vectors/kcp.json');
const { traces } = JSON.parse(readFileSync(vectors, 'utf8')) as { traces: Trace[] };

/** Payload of each segment that an end of a trace has sent, by its place behind the first. */
function payloadsOf(trace: Trace, packets: readonly Uint8Array[]): Map<number, Uint8Array> {
  const payloads = new Map<number, Uint8Array>();
  for (const packet of packets) {
    const view = new DataView(packet.buffer, packet.byteOffset, packet.length);
    for (let at = 0; at + 24 <= packet.length; ) {
      const length = view.getUint32(at + 20, true);
      if (view.getUint8(at + 4) === 81) {
        payloads.set((view.getUint32(at + 12, true) - trace.config.startsn) >>> 0, packet.subarray(at + 24, at + 24 + length));
      }
      at += 24 + length;
    }
  }
  return payloads;
}

/** What must be readable in the end: everything up to the first segment that was never sent. */
function expectedOf(payloads: ReadonlyMap<number, Uint8Array>): Uint8Array {
  const parts: Uint8Array[] = [];
  for (let index = 0; ; index++) {
    const part = payloads.get(index);
    if (part === undefined) return Buffer.concat(parts);
    parts.push(part);
  }
}

/** See above. */
export const GO_TRACES: Comparison = {
  name: 'recorded packets of kcp-go, one by one and in batches',
  run(random: Random) {
    const trace = random.pick(traces);
    const sender = random.pick(['A', 'B']);
    const sent = trace.ops
      .flatMap(({ e, out }) => (e === sender ? out : []))
      .map((index) => new Uint8Array(Buffer.from(trace.packets[index] as string, 'hex')));
    const { mtu, startsn: startSn, stream, acknodelay } = trace.config;
    const create = (): Kcp => new Kcp({ conv: trace.conv, sink: () => {}, mtu, startSn, stream, rcvWnd: 128 });
    const ends = [create(), create()] as const;
    ends[1].deferFlush = true;
    const heard: [Uint8Array[], Uint8Array[]] = [[], []];
    const target = new Uint8Array(65_536);
    const read = (index: 0 | 1): void => {
      for (let size = ends[index].recv(target); size >= 0; size = ends[index].recv(target)) heard[index].push(target.slice(0, size));
    };
    const order = [...random.shuffle([...sent, ...sent.filter(() => random.chance(0.3))]), ...sent];
    let now = 1000;
    while (order.length > 0) {
      now += random.float() * 60;
      const batch = order.splice(0, random.integer(1, 8));
      for (const packet of batch) {
        for (const end of ends) end.input(packet, 0, packet.length, now, true, acknodelay);
      }
      ends[1].flushDeferred(now);
      const [one, other] = ends.map((end) => end.state());
      if (one?.rcvNxt !== other?.rcvNxt || one?.rcvBuf !== other?.rcvBuf || one?.rcvQueue !== other?.rcvQueue) {
        return `${trace.name}: one by one ${JSON.stringify(one)}, in batches ${JSON.stringify(other)}`;
      }
      if (random.chance(0.7)) for (const index of [0, 1] as const) read(index);
      if (random.chance(0.3)) for (const end of ends) end.flush(now);
    }
    for (const index of [0, 1] as const) read(index);
    const expected = expectedOf(payloadsOf(trace, sent));
    return (
      difference(`${trace.name}, one by one`, Buffer.concat(heard[0]), expected) ??
      difference(`${trace.name}, in batches`, Buffer.concat(heard[1]), expected)
    );
  },
};
