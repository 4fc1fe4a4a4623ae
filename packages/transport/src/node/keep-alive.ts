// TCP keepalive. A peer that vanishes without a word, a machine that lost its power or its network, leaves a
// connection that nothing ends: the system has to ask whether it is still there.
//
//   Linux with FFI   the first probe after the time, the next ones as often; the ninth without an answer ends it.
//                    With 15 s these are the numbers of Go.
//   elsewhere        Node sets ten probes one second apart and nothing else. That would cut a phone that sleeps for
//                    half a minute, so the first probe waits until both ways end a dead connection at the same time.

import type net from 'node:net';
import { sharedCalls } from './native/shared-calls.ts';

const SOL_SOCKET = 1;
const SO_KEEPALIVE = 9;
const IPPROTO_TCP = 6;
const TCP_KEEPIDLE = 4;
const TCP_KEEPINTVL = 5;
const TCP_KEEPCNT = 6;
/** Probes without an answer that end a connection. */
const PROBES = 9;
/** The time that Node's own probes take, in ms. */
const NODE_PROBES = 10_000;

/**
 * Has the system look after a silent peer.
 * @param time - how long it must be silent, and how long each answer may take, in ms; whole seconds, 1000 to 32767000
 */
export function keepAlive(socket: net.Socket, time: number): void {
  if (setNatively(socket, time / 1000)) return;
  socket.setKeepAlive(true, Math.max(time, (1 + PROBES) * time - NODE_PROBES));
}

function setNatively(socket: net.Socket, seconds: number): boolean {
  // Internal to Node, though unchanged since long before version 20; where it is not there, Node does it.
  const fd = (socket as { _handle?: { fd?: unknown } | null })._handle?.fd;
  const calls = sharedCalls();
  if (typeof fd !== 'number' || fd < 0 || typeof calls === 'string') return false;
  return (
    calls.setOption(fd, IPPROTO_TCP, TCP_KEEPIDLE, seconds) >= 0 &&
    calls.setOption(fd, IPPROTO_TCP, TCP_KEEPINTVL, seconds) >= 0 &&
    calls.setOption(fd, IPPROTO_TCP, TCP_KEEPCNT, PROBES) >= 0 &&
    calls.setOption(fd, SOL_SOCKET, SO_KEEPALIVE, 1) >= 0
  );
}
