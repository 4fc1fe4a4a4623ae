// The KCP core alone: one end sends, the other reads, in memory, without loss. Ours against the C original (node-kcp, an
// optional dependency) in one interleaved run, medians; both do the same rounds: fill the window, flush, take in, read,
// acknowledge. Run: npm run bench:core

import { Kcp, type PacketSink } from '@kcptun/kcp-core';
import { median } from '@kcptun/testkit';
import { loadNativeKcp, type NativeKcp, parseToolFlags } from '@kcptun/testkit/node';

const USAGE = `usage: npm run bench:core -- [--least RATIO]

With --least the exit code is 1 when ours, in place, is less than so many times as fast as node-kcp.`;

const { least } = parseToolFlags(USAGE, { least: { type: 'string' } }, ['least']);

const ROUNDS = 9;
const BYTES_PER_RUN = 100_000_000;
const WINDOW = 1024;
const MTU = 1350;
const INTERVAL = 10;
const SLOT = 1536;
const BLOCK = new Uint8Array(MTU - 24).fill(7);

/** One way of doing the transfer, with the times it took. */
interface Contestant {
  readonly name: string;
  readonly samples: number[];
  /** Moves at least `bytes` bytes; returns how many it were. */
  transfer(bytes: number): number;
}

/** Packets in slots of one memory, as in a batch. */
class Slots implements PacketSink {
  readonly bytes: Uint8Array = new Uint8Array(2 * WINDOW * SLOT);
  readonly #length: Int32Array = new Int32Array(2 * WINDOW);
  #count = 0;

  begin(): number {
    return this.#count * SLOT + 32;
  }

  commit(_offset: number, length: number): void {
    this.#length[this.#count] = length;
    this.#count += 1;
  }

  deliver(kcp: Kcp, now: number): void {
    for (let index = 0; index < this.#count; index++) kcp.input(this.bytes, index * SLOT + 32, this.#length[index] as number, now);
    this.#count = 0;
  }
}

const ours = [functions(), inPlace()];
const native = original();
const all = native === undefined ? ours : [...ours, native];
for (let round = 0; round < ROUNDS; round++) {
  for (const each of all) {
    const start = process.hrtime.bigint();
    const segments = each.transfer(BYTES_PER_RUN) / BLOCK.length;
    each.samples.push(Number(process.hrtime.bigint() - start) / segments);
  }
}
for (const each of all) {
  const ns = median(each.samples);
  const ratio = native === undefined ? '' : `, ${(median(native.samples) / ns).toFixed(2)} x node-kcp`;
  console.log(
    `${each.name.padEnd(44)} ${ns.toFixed(0).padStart(5)} ns/segment, ${((BLOCK.length / ns) * 1000).toFixed(0).padStart(5)} MB/s${ratio}`,
  );
}
if (native === undefined) console.log('node-kcp is not installed here: nothing to compare with');
if (least !== undefined) {
  // Without node-kcp there is no ratio: NaN, and no proof of speed.
  const ratio = median(native?.samples ?? []) / median(ours.at(-1)?.samples ?? []);
  if (!(ratio >= Number(least))) {
    console.error(`${ratio.toFixed(2)} x node-kcp, at least ${least} is wanted`);
    process.exitCode = 1;
  }
}

/** The convenient way: a function that gets each packet, `recv` into a buffer. */
function functions(): Contestant {
  const toA: Uint8Array[] = [];
  const toB: Uint8Array[] = [];
  const a = make((packet) => toB.push(packet));
  const b = make((packet) => toA.push(packet));
  const target = new Uint8Array(MTU);
  let now = 0;
  const transfer = (bytes: number): number => {
    let read = 0;
    while (read < bytes) {
      now += INTERVAL;
      while (a.waitSnd < WINDOW) a.send(BLOCK);
      a.flush(now);
      for (const packet of toB.splice(0)) b.input(packet, 0, packet.length, now);
      for (let size = b.recv(target); size >= 0; size = b.recv(target)) {
        read += size;
      }
      b.flush(now);
      for (const packet of toA.splice(0)) a.input(packet, 0, packet.length, now);
    }
    return read;
  };
  return { name: 'ours, a function per packet', samples: [], transfer };
}

/** The way of the session layer: packets are written in place and taken from there, segments read without a copy. */
function inPlace(): Contestant {
  const toA = new Slots();
  const toB = new Slots();
  const a = make(toB);
  const b = make(toA);
  a.deferFlush = true;
  b.deferFlush = true;
  let now = 0;
  const transfer = (bytes: number): number => {
    let read = 0;
    while (read < bytes) {
      now += INTERVAL;
      while (a.waitSnd < WINDOW) a.send(BLOCK);
      a.flush(now);
      toB.deliver(b, now);
      while (b.peekSegment()) {
        read += b.segmentLength;
        b.dropSegment();
      }
      b.flushDeferred(now);
      b.flush(now);
      toA.deliver(a, now);
      a.flushDeferred(now);
    }
    return read;
  };
  return { name: 'ours, in place', samples: [], transfer };
}

/** The C original. */
function original(): Contestant | undefined {
  const KCP = loadNativeKcp();
  if (KCP === undefined) return undefined;
  const toA: Buffer[] = [];
  const toB: Buffer[] = [];
  const end = (out: Buffer[]): NativeKcp => {
    const kcp = new KCP(1, {});
    kcp.nodelay(1, INTERVAL, 2, 1);
    kcp.wndsize(WINDOW, WINDOW);
    kcp.setmtu(MTU);
    kcp.stream(1);
    kcp.output((data) => out.push(data));
    return kcp;
  };
  const a = end(toB);
  const b = end(toA);
  const block = Buffer.from(BLOCK);
  let now = 0;
  const transfer = (bytes: number): number => {
    let read = 0;
    while (read < bytes) {
      now += INTERVAL;
      while (a.waitsnd() < WINDOW) a.send(block);
      a.update(now);
      for (const packet of toB.splice(0)) b.input(packet);
      // Everything that is readable comes as one buffer.
      for (let data = b.recv(); data !== undefined; data = b.recv()) read += data.length;
      b.update(now);
      for (const packet of toA.splice(0)) a.input(packet);
    }
    return read;
  };
  return { name: 'node-kcp (C)', samples: [], transfer };
}

function make(sink: PacketSink | ((packet: Uint8Array) => void)): Kcp {
  return new Kcp({ conv: 1, sink, mode: 'fast3', mtu: MTU, sndWnd: WINDOW, rcvWnd: WINDOW, stream: true });
}
