// Limits of everything that a peer or a stalled peer could make grow, and the marks of the send queue.

/** Default of {@link SmuxConfig.maxStreams}: streams that may be open at once in a session. */
export const DEFAULT_MAX_STREAMS = 16_384;
/** How many refused SYNs wait for their answer (a FIN); further ones are refused without an answer. */
export const MAX_REFUSALS = 1024;
/** `SmuxStream.write` returns false from this many unsent bytes on. */
export const SEND_HIGH_WATER = 131_072;
/** A stream that has refused more is writable again at this many unsent bytes. */
export const SEND_LOW_WATER = 65_536;
/** Version 2: the smallest window that is announced however many streams share the buffer (unless the configured one is smaller). */
export const MIN_WINDOW = 65_536;
/** Bytes that a stream with much to send sends in a row while others wait; a frame may exceed it. */
export const BULK_TURN = 65_536;
/**
 * Version 2: bytes of streams that are closed here and get no window, of a session. Their peers may have closed for
 * good: on the wire that looks like a half close, and the window of a closed stream never opens again (PROTOCOL smux
 * §7). Or their readers pause. So they wait; beyond this, those that have waited longest are dropped.
 */
export const MAX_CLOSED_BYTES: number = 4 * 1024 * 1024;
/** The number of such streams: they count to `maxStreams`. */
export const MAX_CLOSED_STREAMS = 1024;
/** How long such a stream has to wait, in ms, until it can be dropped. */
export const CLOSED_STREAM_TIMEOUT = 60_000;
