// Random operations on two sessions whose bytes travel in random pieces, against what a stream has to be: two ordered
// byte sequences, each with an end. And random bytes against a session that must survive them.

import { ChunkPool } from '@kcptun/common';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { SmuxConfig, SmuxSession, SmuxStream } from '../src/index.ts';
import { feed, frame, makeSession, Recorder, upd } from './support.ts';

/** One end of a stream and what the model knows of it. */
interface End {
  readonly stream: SmuxStream;
  readonly side: 0 | 1;
  sent: number;
  received: number;
  unconsumed: number;
  ended: boolean;
  closed: boolean;
  /** Closed with nothing left to be sent: on the wire like a half close, as from upstream. */
  silent: boolean;
  peer: End | undefined;
}

const byteAt = (sid: number, side: number, index: number): number => (index * 31 + (index >> 8) + sid * 7 + side) & 255;

class Model {
  readonly pool: ChunkPool = new ChunkPool();
  readonly sessions: readonly [SmuxSession, SmuxSession];
  readonly ends: End[] = [];
  readonly #wire: [Uint8Array, Uint8Array] = [new Uint8Array(0), new Uint8Array(0)];

  constructor(config: Partial<SmuxConfig>) {
    this.sessions = [makeSession(true, config, this.pool), makeSession(false, config, this.pool)];
  }

  open(side: 0 | 1): void {
    this.#add(this.sessions[side].openStream(0), side);
  }

  write(end: End, length: number): void {
    if (end.ended || end.closed) return;
    const from = end.sent;
    const accepted = end.stream.error === undefined;
    end.stream.write(Uint8Array.from({ length }, (_, index) => byteAt(end.stream.sid, end.side, from + index)));
    if (accepted) end.sent += length;
  }

  end(end: End): void {
    end.stream.end();
    end.ended = true;
  }

  close(end: End): void {
    if (!end.closed) end.silent = end.stream.bufferedAmount === 0;
    end.stream.close();
    this.#closed(end);
  }

  reset(end: End): void {
    end.stream.reset();
    this.#closed(end);
  }

  #closed(end: End): void {
    end.closed = true;
    end.unconsumed = 0;
  }

  take(end: End): void {
    const chunk = end.stream.take();
    if (chunk === undefined) return;
    for (let at = chunk.start; at < chunk.end; at++, end.received++) {
      if (chunk.bytes[at] !== byteAt(end.stream.sid, 1 - end.side, end.received)) throw new Error(`wrong byte ${end.received}`);
      end.unconsumed += 1;
    }
    this.pool.release(chunk);
    if (end.received > (end.peer?.sent ?? 0)) throw new Error('more received than sent');
  }

  consume(end: End, length: number): void {
    const part = Math.min(length, end.unconsumed);
    end.stream.consumed(part);
    end.unconsumed -= part;
  }

  /** Lets one side write about `room` bytes and gives the other a piece of what is on the way; returns whether anything moved. */
  move(from: 0 | 1, room: number, piece: number): boolean {
    const to = (1 - from) as 0 | 1;
    const sink = new Recorder(room);
    this.sessions[from].pollTransmit(sink);
    const written = sink.length;
    const wire = Uint8Array.from([...this.#wire[from], ...sink.drain()]);
    const taken = this.sessions[to].handleData(wire, 0, Math.min(piece, wire.length), 0);
    this.#wire[from] = wire.subarray(taken);
    for (let stream = this.sessions[to].pollAccept(); stream; stream = this.sessions[to].pollAccept()) this.#add(stream, to);
    return written + taken > 0;
  }

  /** Reads and moves everything until nothing changes any more. */
  settle(): void {
    // A window of one byte takes two rounds for each.
    const most = 1000 + 4 * this.ends.reduce((sum, { sent }) => sum + sent, 0);
    for (let moved = true, rounds = 0; moved; rounds++) {
      if (rounds > most) throw new Error('does not settle');
      moved = this.move(0, 5000, 5000);
      moved = this.move(1, 5000, 5000) || moved;
      for (const end of this.ends) {
        const before = end.received;
        this.take(end);
        this.consume(end, Number.MAX_SAFE_INTEGER);
        moved = moved || end.received > before;
      }
    }
  }

  /** Ids of streams whose peer has closed: the window never opens, and the wire does not tell. */
  waiting(side: 0 | 1): number[] {
    const waits = (end: End): boolean => end.side === side && end.stream.windowClosed && end.peer?.silent === true;
    return this.ends
      .filter(waits)
      .map(({ stream }) => stream.sid)
      .sort();
  }

  #add(stream: SmuxStream, side: 0 | 1): void {
    const peer = this.ends.find((one) => one.stream.sid === stream.sid && one.side !== side);
    const end: End = { stream, side, sent: 0, received: 0, unconsumed: 0, ended: false, closed: false, silent: false, peer };
    if (peer !== undefined) peer.peer = end;
    this.ends.push(end);
  }
}

const operation = fc.tuple(fc.nat(13), fc.nat(1000), fc.nat(4000));
const settings = fc.record({
  version: fc.constantFrom(1 as const, 2 as const),
  maxFrameSize: fc.constantFrom(1, 7, 100, 8192, 65_535),
  maxReceiveBuffer: fc.constantFrom(300, 5000, 4_194_304),
  maxStreamBuffer: fc.constantFrom(1, 100, 300),
  acceptBacklog: fc.constantFrom(1, 3, 1024),
});

function run(model: Model, operations: readonly (readonly [number, number, number])[]): void {
  for (const [kind, which, amount] of operations) {
    const end = model.ends[which % Math.max(1, model.ends.length)];
    const side = (which & 1) as 0 | 1;
    if (kind <= 1) model.open(side);
    else if (kind <= 3) model.move(side, amount, amount);
    else if (end === undefined) continue;
    else if (kind <= 6) model.write(end, amount);
    else if (kind <= 8) model.take(end);
    else if (kind <= 10) model.consume(end, amount);
    else if (kind === 11) model.end(end);
    else if (kind === 12) model.close(end);
    else model.reset(end);
  }
}

describe('model', () => {
  test('every byte arrives once and in order, every end arrives, and nothing is left behind', () => {
    fc.assert(
      fc.property(settings, fc.array(operation, { maxLength: 80 }), (config, operations) => {
        const model = new Model(config);
        run(model, operations);
        for (const end of model.ends) model.end(end);
        model.settle();
        for (const end of model.ends) model.end(end);
        model.settle();
        for (const { stream, closed, received, peer } of model.ends) {
          // Whoever is told that this was all has all; whoever is not is told that it was not.
          if (closed) continue;
          if (stream.finReceived) expect(received).toBe(peer?.sent);
          else expect(stream.error?.code).toBe('KCPTUN_ERR_SMUX_RESET');
          if (peer?.closed) continue;
          expect([stream.finReceived, stream.closed, stream.error, stream.bufferedAmount]).toEqual([true, true, undefined, 0]);
        }
        for (const side of [0, 1] as const) {
          const session = model.sessions[side];
          expect([...session.streams()].map(({ sid }) => sid).sort()).toEqual(model.waiting(side));
          expect([session.receiveTokens, session.hasOutput]).toEqual([config.maxReceiveBuffer, false]);
        }
        expect(model.pool.lent).toBe(0);
      }),
      { numRuns: 300 },
    );
  });

  test('a stream whose peer has closed behind its last bytes is ended, whatever its owner does', () => {
    const config = { version: 1 as const, maxFrameSize: 1, maxReceiveBuffer: 300, maxStreamBuffer: 1, acceptBacklog: 1 };
    const model = new Model(config);
    run(model, [
      [0, 0, 0],
      [4, 0, 1],
      [11, 0, 0],
      [12, 0, 0],
    ]);
    model.settle();
    const far = model.ends[1];
    expect([far?.received, far?.stream.finReceived, far?.stream.error?.code]).toEqual([1, true, 'KCPTUN_ERR_SMUX_RESET']);
    expect([far?.stream.closed, ...model.sessions.map((session) => session.streamCount)]).toEqual([true, 0, 0]);
  });

  test('the session can end at any moment', () => {
    fc.assert(
      fc.property(settings, fc.array(operation, { maxLength: 60 }), (config, operations) => {
        const model = new Model(config);
        run(model, operations);
        for (const session of model.sessions) session.close();
        for (const end of model.ends) {
          expect([end.stream.closed, end.stream.bufferedAmount]).toEqual([true, 0]);
          model.take(end);
          end.stream.consumed(1);
          end.stream.end();
          end.stream.close();
        }
        expect([model.pool.lent, ...model.sessions.map((session) => session.streamCount)]).toEqual([0, 0, 0]);
      }),
      { numRuns: 60 },
    );
  });
});

describe('hostile input', () => {
  const anyFrame = fc.oneof(
    { weight: 6, arbitrary: fc.tuple(fc.constantFrom(0, 1, 2, 3), fc.nat(6), fc.uint8Array({ maxLength: 60 })) },
    { weight: 2, arbitrary: fc.tuple(fc.constant(4), fc.nat(6), fc.uint8Array({ minLength: 8, maxLength: 8 })) },
  );

  test('well-formed frames in any order keep every limit', () => {
    fc.assert(
      fc.property(fc.array(anyFrame, { maxLength: 200 }), fc.array(fc.nat(40), { minLength: 1 }), fc.nat(3), (frames, cuts, habit) => {
        const pool = new ChunkPool();
        const session = makeSession(
          false,
          { version: 2, maxReceiveBuffer: 500, maxStreamBuffer: 400, maxStreams: 4, acceptBacklog: 2 },
          pool,
        );
        const bytes = Uint8Array.from(
          frames.flatMap(([cmd, sid, payload]) => [...frame(2, cmd, sid, cmd === 2 || cmd === 4 ? payload : [])]),
        );
        for (let at = 0, cut = 0; at < bytes.length; cut++) {
          const piece = Math.min(bytes.length - at, cuts[cut % cuts.length]! + 1);
          const taken = session.handleData(bytes, at, piece, 0);
          at += taken;
          expect(session.streamCount).toBeLessThanOrEqual(4);
          expect(session.receiveTokens).toBeGreaterThan(-60);
          expect(session.error).toBeUndefined();
          const stream = session.pollAccept();
          if (habit === 0) stream?.write(new Uint8Array(10));
          if (habit === 1) stream?.close();
          const readable = session.pollReadable();
          const chunk = readable?.take();
          if (chunk !== undefined) {
            readable?.consumed(chunk.end - chunk.start);
            pool.release(chunk);
          }
          session.pollTransmit(new Recorder(100));
          if (taken < piece && stream === undefined && chunk === undefined) break;
        }
        session.close();
        expect(session.streamCount).toBe(0);
      }),
      { numRuns: 150 },
    );
  });

  test('any bytes: consumed, ended with a typed error, or held back; never thrown', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(1 as const, 2 as const),
        fc.uint8Array({ maxLength: 400, size: 'max' }),
        fc.boolean(),
        (version, bytes, valid) => {
          const session = makeSession(true, { version });
          if (valid && bytes.length > 1) {
            bytes[0] = version;
            bytes[1] = bytes[1]! % 6;
          }
          const taken = feed(session, bytes);
          if (session.closed) expect(session.error?.code).toBe('KCPTUN_ERR_SMUX_INVALID_PROTOCOL');
          expect(taken).toBe(bytes.length);
          expect(feed(session, bytes)).toBe(bytes.length);
        },
      ),
      { numRuns: 200 },
    );
  });

  test('UPD with any numbers never breaks the session, and never lets more out than was written', () => {
    const update = fc.tuple(fc.integer({ min: 0, max: 0xffff_ffff }), fc.integer({ min: 0, max: 0xffff_ffff }), fc.nat(500));
    fc.assert(
      fc.property(fc.array(update, { maxLength: 20 }), (updates) => {
        const session = makeSession(true, { version: 2 });
        const stream = session.openStream(0);
        let written = 0;
        for (const [consumed, window, length] of updates) {
          feed(session, upd(stream.sid, consumed, window));
          if (stream.error === undefined) written += length;
          stream.write(new Uint8Array(length));
          session.pollTransmit(new Recorder());
        }
        expect(session.closed).toBe(false);
        expect(session.stats.bytesSent).toBeLessThanOrEqual(written);
        if (stream.error !== undefined) expect(stream.error.code).toBe('KCPTUN_ERR_SMUX_CONSUMED');
      }),
      { numRuns: 100 },
    );
  });
});
