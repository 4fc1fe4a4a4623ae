// The golden traces: every packet, return value and internal variable of kcp-go on a virtual clock, byte for byte.

import { describe, expect, it } from 'vitest';
import vectors from '../../testkit/vectors/kcp.json' with { type: 'json' };
import { Kcp, type KcpState } from '../src/index.ts';

interface Op {
  readonly t: number;
  readonly e: string;
  readonly op: string;
  readonly ret: number;
  readonly out: readonly number[];
  readonly st: readonly number[];
  readonly off?: number;
  readonly len?: number;
  readonly pkt?: number;
  readonly raw?: string;
  readonly regular?: boolean;
}

function pattern(offset: number, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => ((offset + index) * 31 + 7) & 255);
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

function vectorOf(state: KcpState): number[] {
  return [
    state.sndUna,
    state.sndNxt,
    state.rcvNxt,
    state.ssthresh,
    state.rxRto,
    state.rxSrtt,
    state.rxRttvar,
    state.rmtWnd,
    state.cwnd,
    state.probe,
    state.incr,
    state.probeWait,
    state.deadLink ? 0xffffffff : 0,
    state.sndQueue,
    state.rcvQueue,
    state.sndBuf,
    state.rcvBuf,
    state.acklist,
  ];
}

describe('golden traces', () => {
  for (const trace of vectors.traces) {
    it(`replays ${trace.name}: ${trace.note}`, () => {
      const { config } = trace;
      const out: string[] = [];
      const ends = new Map<string, Kcp>();
      for (const name of ['A', 'B'] as const) {
        ends.set(
          name,
          new Kcp({
            conv: trace.conv,
            sink: (packet) => out.push(hex(packet)),
            nodelay: config.nodelay,
            interval: config.interval,
            resend: config.resend,
            nc: config.nc,
            mtu: config.mtu,
            sndWnd: config[name].sndwnd,
            rcvWnd: config[name].rcvwnd,
            stream: config.stream,
            startSn: config.startsn,
          }),
        );
      }
      const target = new Uint8Array(65_536);
      // With a fraction of a millisecond added everywhere, only the whole part may matter.
      for (const [index, op] of (trace.ops as readonly Op[]).entries()) {
        const kcp = ends.get(op.e)!;
        const now = op.t + 0.625;
        out.length = 0;
        let ret = 0;
        if (op.op === 'send') {
          ret = kcp.send(pattern(op.off ?? 0, op.len!));
        } else if (op.op === 'flush') {
          ret = kcp.flush(now);
        } else if (op.op === 'input') {
          const packet = Buffer.from(op.raw ?? trace.packets[op.pkt!]!, 'hex');
          ret = kcp.input(packet, 0, packet.length, now, op.regular ?? true, config.acknodelay);
        } else {
          ret = kcp.recv(target);
          if (ret > 0) expect(hex(target.subarray(0, ret))).toBe(hex(pattern(op.off ?? 0, ret)));
        }
        const context = `op ${index} ${JSON.stringify(op)}`;
        expect(ret, context).toBe(op.ret);
        expect(out, context).toEqual(op.out.map((packet) => trace.packets[packet]));
        expect(vectorOf(kcp.state()), context).toEqual(op.st);
      }
    });
  }
});
