// Whether the system calls do here what they are meant to do: three datagrams to a socket of our own, singly and as a train. It would show a
// libc whose structures are laid out differently, a sandbox without these calls, or a kernel that takes options and does not honour them.

import { PacketBatch, RECEIVE_OFFSET } from '@kcptun/common';
import { AddressPaths } from './address-paths.ts';
import { NAME_WORDS } from './message-table.ts';
import { type NativeShared, offersGro, offersGso } from './native-socket.ts';
import { AF_INET, encodeSocketAddress, SOCKADDR_IN6_SIZE } from './socket-address.ts';

const SIZES = [100, 100, 60];
/** Loopback delivers at once; on a system where it does not, this is how long in ms the program waits for it at its start, so many times. */
const PATIENCE = 20;
/** Datagrams may be lost on a loopback too (a rule of the firewall for tests, a machine without memory): that says nothing about the calls. */
const ATTEMPTS = 10;

/** What a test has shown; datagrams that did not come show nothing. */
type Verdict = 'works' | 'broken' | 'lost';

/** Sends to itself and compares. */
export function nativeWorks(shared: NativeShared): boolean {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const verdict = tryOnce(shared);
    if (verdict !== 'lost') return verdict === 'works';
  }
  return false;
}

/** With a socket of its own, where nothing of an earlier attempt can arrive. */
function tryOnce(shared: NativeShared): Verdict {
  const { calls } = shared;
  const fd = calls.socket(AF_INET);
  if (fd < 0) return 'broken';
  const batch = new PacketBatch(shared.memory);
  try {
    const address = new Uint8Array(SOCKADDR_IN6_SIZE);
    const local = encodeSocketAddress({ address: '127.0.0.1', port: 0, family: 4 });
    if (local === undefined || calls.bind(fd, local) < 0 || calls.getsockname(fd, address) < 0) return 'broken';
    SIZES.forEach((size, index) => {
      const at = batch.offset[batch.add(RECEIVE_OFFSET, size, 0)]!;
      for (let byte = 0; byte < size; byte++) batch.bytes[at + byte] = byte * 7 + index;
    });
    const words = new Int32Array(NAME_WORDS);
    new Uint8Array(words.buffer).set(address);
    const singly = exchange(shared, fd, batch, words, false);
    if (singly !== 'works') return singly;
    // A kernel that knows the options but refuses a train is dealt with by the socket.
    return offersGso(calls, fd) && offersGro(calls, fd) ? exchange(shared, fd, batch, words, true) : 'works';
  } finally {
    batch.release();
    calls.close(fd);
  }
}

function exchange(shared: NativeShared, fd: number, batch: PacketBatch, name: Int32Array, train: boolean): Verdict {
  const { calls, sending, receiving } = shared;
  const paths = new AddressPaths();
  const path = paths.path(name, 0);
  sending.begin(batch.bytes);
  for (let from = 0; from < batch.count; ) {
    const to = train ? batch.count : from + 1;
    sending.add(batch, from, to, paths.names, path * NAME_WORDS, paths.nameLength(path), false);
    from = to;
  }
  if (sending.send(fd, 0) !== sending.count) return train ? 'works' : 'broken';
  let next = 0;
  let arrived = 0;
  while (next < batch.count && calls.waitReadable(fd, PATIENCE)) {
    const messages = receiving.receive(fd);
    for (let index = 0; index < messages; index++) {
      if (paths.path(receiving.names, index * NAME_WORDS) !== path) return 'broken';
      const end = receiving.start(index) + receiving.length(index);
      for (let at = receiving.start(index); at < end; at += receiving.segment(index)) {
        const datagram = receiving.bytes.subarray(at, Math.min(end, at + receiving.segment(index)));
        // They come in order; those that are passed over were lost.
        while (next < batch.count && !sameBytes(datagram, batch.packet(next))) next += 1;
        if (next === batch.count) return 'broken';
        next += 1;
        arrived += 1;
      }
    }
  }
  return arrived === batch.count ? 'works' : 'lost';
}

function sameBytes(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
}
