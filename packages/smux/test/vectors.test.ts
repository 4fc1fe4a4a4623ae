// Frames on the wire against those of upstream, step by step.

import { createHash } from 'node:crypto';
import { ChunkPool } from '@kcptun/common';
import { describe, expect, test } from 'vitest';
import vectors from '../../testkit/vectors/smux.json' with { type: 'json' };
import type { SmuxConfig, SmuxStream } from '../src/index.ts';
import { concat, type Frame, feed, makeSession, output, Pair, pattern, readAll, same, takeAll } from './support.ts';

interface Step {
  readonly action: string;
  readonly frames: readonly { readonly dir: string; readonly hex: string; readonly payload_sha1?: string }[];
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const sha1 = (bytes: Uint8Array): string => createHash('sha1').update(bytes).digest('hex');

/** Runs the steps of one vector in order and compares the frames of each, per direction. */
class Script {
  readonly pair: Pair;
  readonly #steps: readonly Step[];
  #next = 0;

  constructor(steps: readonly Step[], config: Partial<SmuxConfig>) {
    this.#steps = steps;
    this.pair = new Pair(config);
  }

  step(action: RegExp, run: () => void): void {
    const step = this.#steps[this.#next];
    this.#next += 1;
    expect(step?.action).toMatch(action);
    run();
    this.pair.pump();
    this.#compare(step as Step, 'c>s', this.pair.toServer.splice(0));
    this.#compare(step as Step, 's>c', this.pair.toClient.splice(0));
  }

  finish(): void {
    expect(this.#next).toBe(this.#steps.length);
  }

  #compare(step: Step, dir: string, sent: readonly Frame[]): void {
    const wanted = step.frames.filter((frame) => frame.dir === dir);
    const got = sent.map((frame, index) =>
      wanted[index]?.payload_sha1 === undefined ? hex(frame.bytes) : `${hex(frame.bytes.subarray(0, 8))} ${sha1(frame.payload)}`,
    );
    expect(got, step.action).toEqual(wanted.map((frame) => (frame.payload_sha1 ? `${frame.hex} ${frame.payload_sha1}` : frame.hex)));
  }
}

/** Reads like upstream's Read with a buffer of `size` bytes: never beyond a received frame; sends are exchanged after each. */
function readInFrames(pair: Pair, stream: SmuxStream, size: number, total: number): void {
  let done = 0;
  let frames = 0;
  const lengths: number[] = [];
  while (done < total) {
    for (; frames < pair.toServer.length; frames++) lengths.push(pair.toServer[frames]!.payload.length);
    takeAll(stream, pair.pool);
    const head = lengths.shift();
    if (head === undefined) throw new Error('nothing to read');
    if (head > size) lengths.unshift(head - size);
    stream.consumed(Math.min(head, size));
    done += Math.min(head, size);
    pair.pump();
  }
}

describe.each([1, 2] as const)('version %i', (version) => {
  test('opening, data, closing', () => {
    // Two streams get upstream's window only when the buffer has room for more of them.
    const script = new Script(version === 1 ? vectors.v1 : vectors.v2, { version, maxReceiveBuffer: 16_777_216 });
    const { client, server, pool } = script.pair;
    const near: SmuxStream[] = [];
    const far: SmuxStream[] = [];
    const open = (): void => {
      near.push(client.openStream(0));
      script.pair.pump();
      far.push(server.pollAccept() as SmuxStream);
    };
    script.step(/OpenStream #1/, open);
    script.step(/writes 5 bytes/, () => near[0]!.write(pattern(0, 5)));
    script.step(/reads the 5 bytes/, () => expect(readAll(far[0]!, pool)).toEqual(pattern(0, 5)));
    script.step(/server writes 6 bytes/, () => {
      far[0]!.write(pattern(0, 6));
      script.pair.pump();
      expect(readAll(near[0]!, pool)).toEqual(pattern(0, 6));
    });
    script.step(/OpenStream #2/, open);
    script.step(/writes 20000/, () => near[1]!.write(pattern(0, 20000)));
    script.step(/reads 20000/, () => {
      expect(same(takeAll(far[1]!, pool), pattern(0, 20000))).toBe(true);
      for (const length of [8192, 8192, 3616]) {
        far[1]!.consumed(length);
        script.pair.pump();
      }
    });
    let fromServer: SmuxStream | undefined;
    script.step(/server OpenStream/, () => {
      fromServer = server.openStream(0);
    });
    const atClient = client.pollAccept();
    expect(atClient?.sid).toBe(2);
    script.step(/client closes #1/, () => near[0]!.close());
    script.step(/server closes #1/, () => far[0]!.close());
    script.step(/close the remaining/, () => {
      fromServer?.close();
      atClient?.close();
      near[1]!.close();
      far[1]!.close();
    });
    expect([client.streamCount, server.streamCount]).toEqual([0, 0]);
    script.step(/both sessions Close/, () => {
      client.close();
      server.close();
    });
    script.finish();
  });

  test('keepalive', () => {
    const step = (version === 1 ? vectors.keepalive_v1 : vectors.keepalive_v2)[0]!;
    for (const { dir, hex: wanted } of step.frames) {
      const session = makeSession(dir === 'c>s', { version, keepAliveInterval: 200 });
      expect(session.nextTimeout()).toBe(200);
      session.handleTimeout(200);
      expect(output(session).map((frame) => hex(frame.bytes))).toEqual([wanted]);
    }
  });
});

test('version 2 flow control with the start window and the default window', () => {
  const script = new Script(vectors.v2_flow, { version: 2, maxFrameSize: 32768 });
  const { pair } = script;
  let near: SmuxStream | undefined;
  let far: SmuxStream | undefined;
  script.step(/stops at the initial/, () => {
    near = pair.client.openStream(0);
    near.write(pattern(0, 700_000));
    pair.pump();
    far = pair.server.pollAccept();
    expect(near.bufferedAmount).toBe(700_000 - 262_144);
  });
  const received: Uint8Array[] = [];
  script.step(/reads 100 bytes/, () => {
    received.push(takeAll(far!, pair.pool));
    far!.consumed(100);
  });
  script.step(/reads everything/, () => {
    received.push(takeAll(far!, pair.pool));
    far!.consumed(699_900);
    expect(same(concat(received), pattern(0, 700_000))).toBe(true);
  });
  script.step(/400000 more/, () => {
    near!.write(pattern(700_000, 400_000));
    pair.pump();
    readInFrames(pair, far!, 32768, 400_000);
  });
  script.finish();
});

test('version 2 flow control with a small window', () => {
  const script = new Script(vectors.v2_small_window, { version: 2, maxFrameSize: 1000, maxStreamBuffer: 4096 });
  const { pair } = script;
  let near: SmuxStream | undefined;
  let far: SmuxStream | undefined;
  script.step(/Write\(5000\)/, () => {
    near = pair.client.openStream(0);
    near.write(pattern(0, 5000));
    pair.pump();
    far = pair.server.pollAccept();
    takeAll(far!, pair.pool);
  });
  for (const length of [10, 990, 1000, 1000, 1000, 1000]) {
    script.step(new RegExp(`reads ${length} bytes`), () => far!.consumed(length));
  }
  script.step(/Write\(9000\)/, () => near!.write(pattern(5000, 9000)));
  script.step(/700-byte Reads/, () => {
    // The first 2096 bytes came with the step before: three frames that are not in this step's record.
    takeAll(far!, pair.pool);
    for (const length of [700, 300, 700, 300, 96]) {
      far!.consumed(length);
      pair.pump();
    }
    readInFrames(pair, far!, 700, 9000 - 2096);
  });
  script.finish();
});

test.each(vectors.raw_server_input.map((one) => [`${one.name} (version ${one.version})`, one] as const))('raw input: %s', (_, one) => {
  const pool = new ChunkPool();
  const server = makeSession(false, { version: one.version as 1 | 2 }, pool);
  const bytes = Buffer.from(one.bytes_to_server, 'hex');
  expect(feed(server, bytes)).toBe(bytes.length);
  if (one.result.startsWith('AcceptStream error')) {
    expect(server.error?.code).toBe('KCPTUN_ERR_SMUX_INVALID_PROTOCOL');
    expect(one.result).toBe(`AcceptStream error: ${server.error?.message}`);
    expect(server.pollAccept()).toBeUndefined();
    return;
  }
  const stream = server.pollAccept() as SmuxStream;
  const data = takeAll(stream, pool);
  const ended = data.length === 0 && stream.finReceived ? 'EOF' : data.length === 5 ? 'timeout' : '<nil>';
  expect(`accepted sid=${stream.sid}, Read n=${data.length} data=${hex(data)} err=${ended}`).toBe(one.result);
  expect(server.pollAccept()).toBeUndefined();
});
