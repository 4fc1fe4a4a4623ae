// How many segments of a peer are looked at. A datagram holds up to 62 segments without payload
// (acknowledgements, questions for the window, empty or repeated data), each of which is work, and
// whoever knows the key can send nothing else. A session that has more than its share loses the
// datagrams beyond it, as a network loses them.

/** Segments of a session that are looked at in a millisecond: some ten times those of 500 MB/s. */
export const MAX_SEGMENT_WORK = 4096;
/** Those that it may bring at once after a time with fewer: what waits in a full socket. */
export const MAX_SEGMENT_BURST = 65_536;
