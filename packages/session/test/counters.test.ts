// The counters of upstream's SNMP table (PROTOCOL session §9), and those of our own.

import { patternBytes } from '@kcptun/testkit';
import { describe, expect, test } from 'vitest';
import { Counters, Endpoint, parseSessionParameters } from '../src/index.ts';
import { deliver, segment, text } from './packets.ts';
import { endpointOptions, NO_FEC, pair, Reader, transfer, world } from './world.ts';

describe('counters', () => {
  test('a transfer is counted at both ends', () => {
    const parameters = { dataShards: 5, parityShards: 2 };
    const it = transfer(world(3), {
      seed: 3,
      upload: 50_000,
      download: 20_000,
      client: { crypt: 'aes', parameters },
      server: { crypt: 'aes', parameters },
    });
    it.run(5000);
    const client = it.client.endpoint.counters.snapshot();
    const server = it.server.endpoint.counters.snapshot();
    expect(client).toMatchObject({ BytesSent: 50_000, BytesReceived: 20_000, ActiveOpens: 1, PassiveOpens: 0, CurrEstab: 1, MaxConn: 1 });
    expect(server).toMatchObject({ BytesSent: 20_000, BytesReceived: 50_000, ActiveOpens: 0, PassiveOpens: 1, CurrEstab: 1, MaxConn: 1 });
    expect(server.InPkts).toBe(it.client.datagrams);
    expect(server.InPkts).toBe(client.OutPkts);
    // Received bytes are counted without the cipher's 20 bytes, sent ones with them.
    expect(server.InBytes).toBe(client.OutBytes - 20 * client.OutPkts);
    expect(server.InSegs).toBe(client.OutSegs);
    expect(server.FECParityShards).toBeGreaterThan(0);
    expect(server.FECFullShards).toBeGreaterThan(0);
    // The server's question is a segment from long ago.
    expect(client).toMatchObject({ RetransSegs: 0, LostSegs: 0, InErrs: 0, InCsumErrors: 0, KCPInErrors: 0, RepeatSegs: 1 });
  });

  test('retransmissions are the sum of their kinds', () => {
    const it = transfer(
      world(4, (link) => link.setDelay(20).setLoss(0.2)),
      { seed: 4, upload: 200_000, download: 0, client: {}, server: {} },
    );
    it.run(60_000);
    const { RetransSegs, FastRetransSegs, EarlyRetransSegs, LostSegs } = it.client.endpoint.counters.snapshot();
    expect(RetransSegs).toBeGreaterThan(0);
    expect(RetransSegs).toBe(FastRetransSegs + EarlyRetransSegs + LostSegs);
    expect(it.server.endpoint.counters.snapshot().RepeatSegs).toBeGreaterThan(0);
  });

  test('what a session counted stays when it ends, its gauges go', () => {
    const { client, network } = pair({ parameters: NO_FEC });
    network.detach(1);
    const session = client.open(1, undefined, undefined);
    session.write(patternBytes(100_000, 1), 0, 100_000);
    client.turn();
    expect(client.endpoint.counters.snapshot()).toMatchObject({
      BytesSent: 100_000,
      CurrEstab: 1,
      RingBufferSndBuffer: 32,
      RingBufferSndQueue: 44,
    });
    session.close();
    const after = client.endpoint.counters.snapshot();
    expect(after).toMatchObject({ BytesSent: 100_000, CurrEstab: 0, MaxConn: 1, RingBufferSndBuffer: 0, RingBufferSndQueue: 0 });
    expect(after.OutSegs).toBe(32);
  });

  test('endpoints may share them', () => {
    const counters = new Counters();
    const first = new Endpoint({ ...endpointOptions(), counters });
    const second = new Endpoint({ ...endpointOptions(), counters });
    const session = first.open(1, 0);
    second.open(1, 0);
    session.close();
    second.open(2, 0);
    expect(counters.snapshot()).toMatchObject({ ActiveOpens: 3, CurrEstab: 2, MaxConn: 2 });
  });

  test('datagrams that the socket does not take are counted, and sent again', () => {
    let refuse = true;
    const sent: number[] = [];
    const it = new Endpoint({
      ...endpointOptions(),
      parameters: parseSessionParameters(NO_FEC),
      transmit: (batch) => {
        const taken = refuse ? 1 : batch.count;
        for (let index = 0; index < taken; index++) sent.push(batch.length[index] as number);
        return taken;
      },
    });
    const session = it.open(0, 0);
    session.write(patternBytes(3000, 1), 0, 3000);
    it.flush(0);
    expect(it.counters.sendRefused).toBe(2);
    expect(it.counters.snapshot()).toMatchObject({ OutPkts: 1, OutBytes: 1350 });
    refuse = false;
    it.handleTimeout(1000);
    it.flush(1000);
    expect(it.counters.snapshot()).toMatchObject({ OutPkts: 4, OutBytes: sent.reduce((sum, length) => sum + length, 0) });
  });

  test('packets that are too short are errors at a client', () => {
    const it = new Endpoint(endpointOptions());
    it.open(0, 0);
    deliver(it, 0, [new Uint8Array(23)]);
    expect(it.counters.snapshot()).toMatchObject({ InPkts: 1, InBytes: 23, KCPInErrors: 1 });
  });

  test('a packet that breaks off is an error', () => {
    const { server } = pair();
    deliver(server.endpoint, 2, [segment(), segment({ sn: 1, payload: text('abc') }).subarray(0, 26)]);
    expect(server.endpoint.counters.snapshot()).toMatchObject({ InPkts: 2, KCPInErrors: 1, InSegs: 1 });
  });

  test('stats say how it goes', () => {
    const { clock, client } = pair({}, new Reader());
    const session = client.open(1, undefined, undefined);
    session.write(text('hello'), 0, 5);
    expect(session.stats()).toMatchObject({ conv: session.conv, waitSnd: 1, srtt: 0 });
    client.turn();
    clock.advanceTo(1000);
    expect(session.stats()).toMatchObject({ waitSnd: 0, outSegs: 2, retransSegs: 0, inSegs: 2 });
    expect(session.stats().srtt).toBeGreaterThanOrEqual(20);
  });
});
