// Numbers of the protocol (PROTOCOL kcp §2) under the names that ikcp and kcp-go use, and the limits of this package.

/** Command of a data segment. */
export const CMD_PUSH = 81;
/** Command of an acknowledgement. */
export const CMD_ACK = 82;
/** Command that asks the peer for its receive window. */
export const CMD_WASK = 83;
/** Command that tells the own receive window. */
export const CMD_WINS = 84;

/** Bytes of a segment header. */
export const OVERHEAD = 24;

/** Least retransmission timeout with nodelay, in ms. */
export const RTO_NDL = 30;
/** Least retransmission timeout without nodelay, in ms. */
export const RTO_MIN = 100;
/** Retransmission timeout before the first round-trip sample, in ms. */
export const RTO_DEF = 200;
/** Largest computed retransmission timeout, in ms; the backoff of a segment may exceed it. */
export const RTO_MAX = 60_000;

/** Default send window in segments. */
export const WND_SND = 32;
/** Default receive window in segments; also what the peer's window is taken for until it is heard. */
export const WND_RCV = 32;
/** Default size of a KCP packet in bytes. */
export const MTU_DEF = 1400;
/** Default flush interval in ms. */
export const INTERVAL_DEF = 100;
/** Least flush interval in ms. */
export const INTERVAL_MIN = 10;
/** Largest flush interval in ms. */
export const INTERVAL_MAX = 5000;
/** Transmissions of one segment after which the link counts as dead (information only). */
export const DEADLINK = 20;
/** Start value and floor of the slow start threshold in segments. */
export const THRESH_MIN = 2;
/** First wait before the peer's closed window is asked for, in ms. */
export const PROBE_INIT = 500;
/** Longest wait between two such questions, in ms. */
export const PROBE_LIMIT = 120_000;
/** Bit of the probe field: ask the peer for its window. */
export const ASK_SEND = 1;
/** Bit of the probe field: tell the own window. */
export const ASK_TELL = 2;

/** Largest KCP packet in bytes, sent or accepted. */
export const MTU_MAX = 1500;
/** Largest payload of a segment in bytes: what fits into the largest packet; every payload slot has this size. */
export const MSS_MAX: number = MTU_MAX - OVERHEAD;
/** Most segments that one packet can hold; more cannot fit into {@link MTU_MAX}. */
export const PACKET_SEGMENTS_MAX: number = Math.floor(MTU_MAX / OVERHEAD);
/** Largest receive window: what the 16-bit `wnd` field can say. */
export const WND_MAX = 65_535;
/** Most fragments of one message, since `frg` is a byte. */
export const FRAGMENTS_MAX = 255;
/** Most acknowledgements that wait for a flush; further data segments are dropped as if they had been lost. */
export const ACKLIST_MAX = 16_384;

/** `fastack` of a segment that was sent again early and will not be before a timeout: 0xffffffff of the reference, as i32. */
export const FASTACK_DONE = -1;
/** The fast-ack threshold that stands for `resend` 0 (PROTOCOL kcp §8). */
export const RESEND_NEVER = 0xffff_ffff;
