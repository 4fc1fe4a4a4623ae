// Random bytes for nonces. OpenSSL's generator keeps its state in the process: of two virtual machines that are resumed
// from one snapshot, both go on with the same bytes until it is seeded anew, which takes minutes. Linux notices the
// resumption (vmgenid, since 5.18), so small requests go to the kernel there. Large ones would be slow.

import { randomFillSync } from 'node:crypto';
import { openSync, readSync } from 'node:fs';

/** Up to this many bytes the kernel is asked: as much as a pool of nonces takes. */
const KERNEL_MOST = 1024;

/** The descriptor of /dev/urandom, which stays open; -1: not tried yet, -2: there is none. */
let device = process.platform === 'linux' ? -1 : -2;

/** Fills `target` with random bytes that no snapshot of this process could tell. */
export function fillRandom(target: Uint8Array): void {
  if (target.length <= KERNEL_MOST && readKernel(target)) return;
  randomFillSync(target);
}

function readKernel(target: Uint8Array): boolean {
  if (device === -2) return false;
  try {
    if (device === -1) device = openSync('/dev/urandom', 'r');
    return readSync(device, target, 0, target.length, null) === target.length;
  } catch {
    device = -2;
    return false;
  }
}
