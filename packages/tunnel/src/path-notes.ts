// What the log says of the paths: in mode `auto` what it has found, in the other modes that a session
// could be faster. With every heartbeat of a session is often enough.
//
// A path that was throttled is told once each time, and to whoever looks, because a client with a range of
// ports can do something about it.

import type { Logger } from '@kcptun/common';
import type { PathEstimate, SessionStats } from '@kcptun/session';
import { LineBudget } from './line-budget.ts';

/** Fewest segments between two heartbeats that show anything of a path. */
const FEW = 500;
/** What has changed by this factor, or loss by this share, deserves a line. */
const MUCH = 1.5;
const MUCH_LOSS = 0.03;
/** Heartbeats running at which a window must have been full: one alone may be chance. */
const FULL_LOOKS = 3;
/** Share of segments sent again that makes a transfer of repetitions. */
const COLLAPSE = 0.5;
/** Lines a minute about throttled paths. */
const THROTTLED_LINES = 4;

/** A session at the time of its heartbeat. */
export interface PathLook {
  /** What stands for it. */
  readonly session: object;
  /** What stands for its path, which it may share. */
  readonly path: object | undefined;
  /** Its peer, for the log. */
  readonly label: string;
  readonly stats: SessionStats;
}

/** What is remembered of one session. */
interface Seen {
  outSegs: number;
  retransSegs: number;
  fullLooks: number;
}

/** Writes the lines about the paths of one tunnel. */
export class PathNotes {
  readonly #logger: Logger;
  readonly #seen: WeakMap<object, Seen> = new WeakMap();
  /** What was said of the paths, which sessions may share. */
  readonly #found: WeakMap<object, PathEstimate> = new WeakMap();
  /** How often they were throttled, as was said. */
  readonly #throttled: WeakMap<object, number> = new WeakMap();
  readonly #throttledLines: LineBudget = new LineBudget(THROTTLED_LINES);
  readonly #mtu: number;
  readonly #remedy: string;
  /** The advice is the same for all sessions: it is given once. */
  #advised = false;

  /** @param mtu - bytes of a datagram; @param remedy - what is done about a throttled path, for the log */
  constructor(logger: Logger, mtu: number, remedy = '') {
    this.#logger = logger;
    this.#mtu = mtu;
    this.#remedy = remedy;
  }

  /** Looks at a session; returns whether its path was throttled, once each time. */
  look({ session, path = session, label, stats }: PathLook, now: number): boolean {
    const seen = this.#seen.get(session) ?? { outSegs: 0, retransSegs: 0, fullLooks: 0 };
    this.#seen.set(session, seen);
    const sent = stats.outSegs - seen.outSegs;
    const again = stats.retransSegs - seen.retransSegs;
    seen.outSegs = stats.outSegs;
    seen.retransSegs = stats.retransSegs;
    if (stats.auto !== undefined) {
      if (sent >= FEW && stats.auto.state !== 'start') this.#tellFound(path, label, stats.auto);
      return this.#tellThrottled(path, label, stats.auto, now);
    }
    const window = Math.min(stats.sndWnd, stats.rmtWnd);
    const full = sent >= FEW && stats.inflight >= window && stats.waitSnd > stats.inflight;
    seen.fullLooks = full ? seen.fullLooks + 1 : 0;
    if (this.#advised) return false;
    const advice =
      sent >= FEW && again > COLLAPSE * sent
        ? `${again} of ${sent} segments were sent again`
        : seen.fullLooks >= FULL_LOOKS
          ? explainWindow(stats, this.#mtu)
          : undefined;
    if (advice === undefined) return false;
    this.#advised = true;
    this.#logger.info(`${label}: ${advice}; --mode auto finds the rate of a path by itself`, { event: 'path.advice' });
    return false;
  }

  #tellThrottled(path: object, label: string, { throttled, unthrottledRate, rate }: PathEstimate, now: number): boolean {
    if (throttled <= (this.#throttled.get(path) ?? 0)) return false;
    this.#throttled.set(path, throttled);
    const more = this.#throttledLines.take(now);
    if (more !== undefined) {
      const rates = `it takes ${megabits(rate)} Mbit/s and took ${megabits(unthrottledRate)}`;
      const text = `the path is slower and may be throttled: ${rates}, and neither losses nor a queue explain that`;
      this.#logger.warn(`${label}: ${text}${this.#remedy}${more}`, { event: 'path.throttled', rate, before: unthrottledRate });
    }
    return true;
  }

  #tellFound(path: object, label: string, found: PathEstimate): void {
    const before = this.#found.get(path);
    if (before !== undefined && !differMuch(before, found)) return;
    this.#found.set(path, found);
    const queue = `RTT ${found.roundTrip.toFixed(0)} ms and ${found.queue.toFixed(0)} ms of queue`;
    const text = `${megabits(found.rate)} Mbit/s, ${queue}, ${(100 * found.loss).toFixed(1)} % lost, parity: ${found.parity}`;
    this.#logger.info(`${label}: mode auto has found ${text}`, { event: 'path.found', ...found });
  }
}

function explainWindow({ sndWnd, rmtWnd, srtt }: SessionStats, mtu: number): string {
  const own = sndWnd <= rmtWnd;
  const [window, whose] = own ? [sndWnd, '--sndwnd here'] : [rmtWnd, "the peer's --rcvwnd"];
  const most = megabits((window * mtu * 1000) / Math.max(1, srtt));
  return `a window of ${window} segments (${whose}) is full: at ${srtt.toFixed(0)} ms it carries ${most} Mbit/s at most`;
}

function differMuch(a: PathEstimate, b: PathEstimate): boolean {
  const far = (x: number, y: number): boolean => x > MUCH * y || y > MUCH * x;
  return far(a.rate, b.rate) || far(a.roundTrip, b.roundTrip) || Math.abs(a.loss - b.loss) > MUCH_LOSS;
}

/** Bytes a second in Mbit/s, with a digit behind the point for small ones. */
function megabits(bytes: number): string {
  const rate = (bytes * 8) / 1e6;
  return rate.toFixed(rate < 10 ? 1 : 0);
}
