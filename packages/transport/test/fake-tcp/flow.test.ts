// What a flow says and takes, and which flows there are.

import { describe, expect, it } from 'vitest';
import { Flow } from '../../src/node/fake-tcp/flow.ts';
import { FlowTable, MAX_SILENCE } from '../../src/node/fake-tcp/flow-table.ts';
import { ACK, PSH, SYN } from '../../src/node/fake-tcp/segment.ts';
import { AddressPaths } from '../../src/node/native/address-paths.ts';
import { NAME_WORDS } from '../../src/node/native/message-table.ts';
import { encodeSocketAddress } from '../../src/node/native/socket-address.ts';
import { NO_PATH } from '../../src/node/path-table.ts';

function flow(path = 0, now = 0): Flow {
  return new Flow({
    path,
    fd: 100 + path,
    family: 4,
    ports: 0x0fa0_1388,
    localAddress: Uint8Array.of(10, 0, 0, 1),
    addressSum: 0,
    nameLength: 16,
    clockOffset: 0,
    now,
  });
}

function name(port: number, address = '10.0.0.9'): Int32Array {
  const words = new Int32Array(NAME_WORDS);
  new Uint8Array(words.buffer).set(encodeSocketAddress({ address, port, family: address.includes(':') ? 6 : 4 }) as Uint8Array);
  return words;
}

describe('the numbers of a flow', () => {
  it('begin where the answer of a handshake says', () => {
    const it = flow();
    expect(it.started).toBe(false);
    it.handleSegment(SYN | ACK, 1000, 5001, 77, 0, 1);
    expect([it.started, it.seq, it.ack, it.echo]).toEqual([true, 5001, 1001, 77]);
  });

  it('begin, at a server, where the first data segment says', () => {
    const it = flow();
    it.handleSegment(PSH | ACK, 1001, 9000, 1, 1350, 1);
    expect([it.seq, it.ack]).toEqual([9000, 2351]);
  });

  it('grow with what is sent, and never fall back to what a peer has acknowledged', () => {
    const it = flow();
    it.handleSegment(PSH | ACK, 1, 100, 1, 10, 1);
    it.advance(1350);
    it.advance(1350);
    it.handleSegment(PSH | ACK, 11, 100, 2, 10, 2);
    expect([it.seq, it.ack]).toEqual([2800, 21]);
  });

  it('acknowledge the furthest that came, over gaps, old segments and the end of the number space', () => {
    const it = flow();
    it.handleSegment(PSH | ACK, 0xffff_fff0, 1, 1, 8, 1);
    it.handleSegment(PSH | ACK, 0xffff_fffc, 1, 1, 8, 1);
    expect(it.ack).toBe(4);
    it.handleSegment(PSH | ACK, 0xffff_fff8, 1, 1, 4, 1);
    expect(it.ack).toBe(4);
  });

  it('start over where the peer is when it lags too far behind: its firewall would drop what is beyond its window', () => {
    const it = flow();
    it.handleSegment(PSH | ACK, 1, 100, 1, 1, 1);
    for (let sent = 0; sent < 65_535; sent++) it.advance(128);
    it.handleSegment(PSH | ACK, 2, 100, 1, 1, 1);
    expect(it.seq).toBe(100 + 65_535 * 128);
    it.advance(1);
    it.handleSegment(PSH | ACK, 3, 100, 1, 1, 1);
    expect(it.seq).toBe(100);
  });
});

describe('the flows of a socket', () => {
  function add(table: FlowTable, port: number, now = 0): Flow {
    const made = flow(table.paths.path(name(port), 0), now);
    table.add(made);
    return made;
  }

  it('are found by the remote; strangers get no number', () => {
    const table = new FlowTable();
    const one = add(table, 1);
    const two = add(table, 2);
    expect([table.find(name(1), 0), table.find(name(2), 0), table.find(name(3), 0)]).toEqual([one, two, undefined]);
    expect(table.find(name(1, '10.0.0.8'), 0)).toBeUndefined();
    for (let port = 1000; port < 50_000; port++) table.find(name(port), 0);
    expect(table.paths.size).toBe(2);
  });

  it('give the oldest without a session away, never one that carries a session', () => {
    const table = new FlowTable(3);
    const [one, two, three] = [add(table, 1), add(table, 2), add(table, 3)];
    expect(table.full).toBe(true);
    table.hold(one);
    expect(table.oldestIdle()).toBe(two);
    table.remove(two);
    expect([table.full, table.oldestIdle()]).toEqual([false, three]);
    table.hold(three);
    expect(table.oldestIdle()).toBeUndefined();
    table.forget(one.path);
    expect(table.oldestIdle()).toBe(one);
  });

  it('keep the number of a session whose connection has gone, until it is forgotten', () => {
    const table = new FlowTable();
    const one = add(table, 1);
    table.hold(one);
    table.remove(one);
    expect(table.find(name(1), 0)).toBeUndefined();
    expect(table.paths.remote(one.path)).toMatchObject({ port: 1 });
    expect(add(table, 2).path).not.toBe(one.path);
    table.forget(one.path);
    expect(table.paths.remote(one.path)).toBeUndefined();
    expect(add(table, 3).path).toBe(one.path);
  });

  it('give a remote that connects again the number of its session', () => {
    const table = new FlowTable();
    const one = add(table, 1);
    table.hold(one);
    table.remove(one);
    const again = add(table, 1);
    expect(again.path).toBe(one.path);
    expect(table.oldestIdle()).toBeUndefined();
    const third = flow(again.path);
    expect(table.add(third)).toBe(again);
    table.remove(again); // is not there any more
    expect(table.at(third.path)).toBe(third);
    expect(table.count).toBe(1);
  });

  it('are silent after a minute without a segment', () => {
    const table = new FlowTable();
    const one = add(table, 1, 0);
    const two = add(table, 2, 0);
    two.handleSegment(PSH | ACK, 1, 1, 1, 1, 10);
    expect(table.silent(MAX_SILENCE - 1)).toEqual([]);
    expect(table.silent(MAX_SILENCE)).toEqual([one]);
    expect(table.silent(MAX_SILENCE + 10)).toEqual([one, two]);
  });

  it('take no memory for remotes that come and go', () => {
    const table = new FlowTable();
    for (let port = 1; port < 20_000; port++) table.remove(add(table, port));
    expect([table.count, table.paths.size, table.oldestIdle()]).toEqual([0, 0, undefined]);
  });
});

describe('looking a remote up', () => {
  it('finds what has a number and gives none', () => {
    const paths = new AddressPaths();
    expect(paths.find(name(7), 0)).toBe(NO_PATH);
    const path = paths.path(name(7), 0);
    expect(paths.find(name(7), 0)).toBe(path);
    expect(paths.find(name(7, 'fe80::1'), 0)).toBe(NO_PATH);
    expect(paths.size).toBe(1);
    paths.forget(path);
    expect(paths.find(name(7), 0)).toBe(NO_PATH);
  });
});
