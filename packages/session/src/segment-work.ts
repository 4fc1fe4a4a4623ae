// How much a peer's datagrams make us do. A datagram holds up to 62 segments without payload
// (acknowledgements, questions for the window, empty or repeated data), each of which is work, and
// whoever knows the key can send nothing else. A session that has more than its share loses the
// datagrams beyond it, as a network loses them. Sessions of one address have a share together as well.
// A first packet makes a session, which is much more work; KCP sends it again when it was dropped.

import { WorkAccount } from '@kcptun/common';

/** Segments of a session that are looked at in a millisecond: some three times those of 500 MB/s. */
export const MAX_SEGMENT_WORK = 1024;
/** Those that it may bring at once after a time with fewer: what waits in a full socket. */
export const MAX_SEGMENT_BURST = 65_536;
/** All sessions of one address may bring so many times as many. */
export const ADDRESS_SEGMENT_SHARES = 2;
/** Sessions that an address may open in a second. */
export const MAX_OPENINGS = 500;
/** Those that it may open at once after a time with fewer. */
export const MAX_OPENINGS_BURST = 256;

/** What the sessions of one address have together. */
export class AddressShare {
  sessions = 0;
  readonly segments: WorkAccount = new WorkAccount(ADDRESS_SEGMENT_SHARES * MAX_SEGMENT_WORK, ADDRESS_SEGMENT_SHARES * MAX_SEGMENT_BURST);
  readonly openings: WorkAccount = new WorkAccount(MAX_OPENINGS / 1000, MAX_OPENINGS_BURST);
}
