// One KCP conversation: the ARQ state machine of ikcp and kcp-go without socket, timer or clock (PROTOCOL kcp).
//
//   send -> [ClassicSender: SendWindow] -> flush -> PacketWriter -> sink          input <- packets of the peer
//   recv <- [Receiver: rcv_queue <- rcv_buf] <- input                              acks, una -> ClassicSender
//
// Time is a number of ms that never goes back; only its whole part, modulo 2^32, reaches the wire.

import { checkBytes, checkInteger, readU16, readU32, serialDiff } from '@kcptun/common';
import { AckTimes } from './ack-times.ts';
import { AutoSender } from './auto/auto-sender.ts';
import { ClassicSender } from './classic-sender.ts';
import type { CongestionController } from './congestion.ts';
import { ASK_SEND, ASK_TELL, CMD_ACK, CMD_PUSH, CMD_WASK, CMD_WINS, MTU_MAX, OVERHEAD, RTO_MAX, WND_MAX } from './constants.ts';
import { FunctionSink } from './function-sink.ts';
import { checkTiming, clampInterval, type KcpOptions, leastRto, resolveOptions } from './options.ts';
import { PacketWriter } from './packet-writer.ts';
import { PeerWindow } from './peer-window.ts';
import { Receiver } from './receiver.ts';
import { RenoCongestion } from './reno.ts';
import { SegmentPool } from './segment-pool.ts';
import { SendQuota } from './send-quota.ts';
import type { SendStrategy } from './send-strategy.ts';
import { type KcpState, stateOf } from './state.ts';
import { KcpStats } from './stats.ts';
import { UpdateSchedule } from './update-schedule.ts';
import { WindowProbe } from './window-probe.ts';

const I32_MAX = 0x7fff_ffff;
/** How often the rings are looked at for shrinking, in ms. */
const SHRINK_PERIOD = 5000;

/**
 * A KCP conversation.
 *
 * Call `input` for what arrives, `send` and `recv` for what the application does, and `flush` when `nextTimeout` says so
 * and after `send` when data should leave at once. Packets go to the sink in the course of `flush` and `input`.
 * Whoever knows ikcp may as well call `update` every now and then, at the latest when `check` says so.
 */
export class Kcp {
  /** Conversation id, u32. */
  readonly conv: number;
  /** Whether writes are a stream of bytes: small ones share segments, borders are not kept. */
  stream: boolean;
  /** When true, `input` only remembers what it would flush, until `flushDeferred`. */
  deferFlush = false;
  /** How long acknowledged transmissions were on their way. */
  readonly ackTimes: AckTimes = new AckTimes();
  /** Counters. */
  readonly stats: KcpStats = new KcpStats();
  /** How much flushes may still transmit, for whoever paces them. */
  readonly quota: SendQuota = new SendQuota();
  /** Memory with the segment that `peekSegment` found. Valid until `dropSegment`. */
  segmentBytes: Uint8Array = new Uint8Array(0);
  /** Where that segment begins in `segmentBytes`. */
  segmentOffset = 0;
  /** Payload bytes of that segment; may be 0. */
  segmentLength = 0;

  readonly #pool: SegmentPool;
  readonly #writer: PacketWriter;
  /** One of the two that follow. */
  readonly #sender: SendStrategy;
  readonly #classic: ClassicSender | undefined;
  readonly #auto: AutoSender | undefined;
  readonly #receiver: Receiver;
  readonly #reno: RenoCongestion = new RenoCongestion();
  readonly #congestion: CongestionController | undefined;
  readonly #probe: WindowProbe = new WindowProbe();
  readonly #schedule: UpdateSchedule = new UpdateSchedule();
  readonly #onAck: ((sn: number, ts: number, regular: boolean) => void) | undefined;
  readonly #peerWindow: PeerWindow;
  #dueFull = false;
  #dueAcks = false;
  #flushedAt: number = Number.NEGATIVE_INFINITY;
  #flushedFullAt: number = Number.NEGATIVE_INFINITY;
  #shrinkAt: number = Number.NEGATIVE_INFINITY;

  /** @throws {TypeError | RangeError} when an option has the wrong type or is out of range */
  constructor(options: KcpOptions) {
    const resolved = resolveOptions(options);
    this.conv = resolved.conv;
    this.#peerWindow = new PeerWindow(resolved.startSn);
    this.stream = options.stream ?? false;
    this.#pool = options.pool ?? new SegmentPool();
    this.#congestion = options.congestion;
    this.#onAck = options.onAck;
    const sink = typeof options.sink === 'function' ? new FunctionSink(options.sink) : options.sink;
    this.#writer = new PacketWriter(sink, this.conv, resolved.mtu);
    const mss = resolved.mtu - OVERHEAD;
    const { startSn } = resolved;
    if (options.auto === undefined) {
      const congestion = options.congestion ?? this.#reno;
      this.#classic = new ClassicSender(this.#pool, this.stats, this.quota, startSn, mss, congestion);
      this.#classic.probesTail = options.probesTail ?? false;
      this.#classic.window.keeps = options.doubts ?? false;
      this.#sender = this.#classic;
    } else {
      this.#auto = new AutoSender(this.#pool, this.stats, this.quota, startSn, mss, options.auto);
      this.#sender = this.#auto;
    }
    this.#receiver = new Receiver(this.#pool, this.stats, resolved.startSn, options.repeatsAcks ?? false);
    this.noDelay(resolved.nodelay, resolved.interval, resolved.resend, resolved.nc);
    this.wndSize(options.sndWnd ?? 0, resolved.rcvWnd);
  }

  /** Largest packet in bytes. */
  get mtu(): number {
    return this.#writer.mtu;
  }

  /** Largest payload of a segment in bytes: mtu - 24. */
  get mss(): number {
    return this.#sender.mss;
  }

  /** Flush interval in ms. */
  get interval(): number {
    return this.#sender.interval;
  }

  /** Send window in segments. */
  get sndWnd(): number {
    return this.#sender.sndWnd;
  }

  /** Receive window in segments. */
  get rcvWnd(): number {
    return this.#receiver.wnd;
  }

  /** The peer's free window in segments, as last heard. */
  get rmtWnd(): number {
    return this.#sender.rmtWnd;
  }

  /** Smoothed round-trip time in ms; 0 before the first sample. */
  get srtt(): number {
    return this.#sender.rtt.srtt;
  }

  /** Variation of the round-trip time in ms. */
  get rttvar(): number {
    return this.#sender.rtt.rttvar;
  }

  /** Retransmission timeout of a segment sent now, in ms. */
  get rto(): number {
    return this.#sender.rtt.rto;
  }

  /** The strategy that finds its rate, when the conversation has it (option `auto`). */
  get auto(): AutoSender | undefined {
    return this.#auto;
  }

  /** Congestion window in segments, `Infinity` while there is none (nc = 1). */
  get cwnd(): number {
    return this.#sender.cwnd;
  }

  /** Segments that were given to `send` and are not acknowledged: snd_buf and snd_queue. Writers wait while it is >= sndWnd. */
  get waitSnd(): number {
    const window = this.#sender.window;
    return (window.end - window.una) >>> 0;
  }

  /** First sn that the peer has not acknowledged in order (snd_una). */
  get sndUna(): number {
    return this.#sender.window.una;
  }

  /** Segments in flight: sent, and not passed by una. */
  get inflight(): number {
    return this.#sender.window.inflight;
  }

  /** Segments in flight that have an acknowledgement of their own, while an earlier one has none. */
  get ackedAhead(): number {
    return this.#sender.window.ackedAhead;
  }

  /** Segments acknowledged so far, by una or by an ACK of their own. */
  get delivered(): number {
    return this.#sender.window.delivered;
  }

  /** Segments that can be read, those of incomplete messages included. */
  get readable(): number {
    return this.#receiver.queued;
  }

  /** Whether a segment was sent 20 times. Information only: nothing stops by itself. */
  get deadLink(): boolean {
    return this.#sender.deadLink;
  }

  /** Least retransmission timeout in ms: 30 or 100 as `noDelay` sets it, or what a caller that knows the path better gave. */
  get minRto(): number {
    return this.#sender.rtt.minrto;
  }

  /** @throws {RangeError} when not in 1..60000 */
  set minRto(ms: number) {
    this.#sender.rtt.minrto = checkInteger(ms, 'minRto', 1, RTO_MAX);
  }

  /** Cap on segments in flight beside the windows (default `Infinity`); it keeps bursts off short buffers. */
  get inflightLimit(): number {
    return this.#sender.inflightLimit;
  }

  /** @throws {RangeError} when not a number >= 0 */
  set inflightLimit(limit: number) {
    if (!(limit >= 0)) throw new RangeError(`inflightLimit must be at least 0, got ${limit}`);
    this.#sender.inflightLimit = Math.floor(limit);
  }

  /**
   * Sets the timing; each value is left alone when negative (PROTOCOL kcp §3).
   * @param nodelay - 1: least timeout 30 ms, growing by half; 0: 100 ms, doubling
   * @param interval - flush interval in ms, brought into 10..5000
   * @param resend - later ACKs after which a segment is sent again; 0: never
   * @param nc - 1: no congestion window
   */
  noDelay(nodelay: number, interval: number, resend: number, nc: number): void {
    checkTiming(nodelay, interval, resend, nc);
    if (nodelay >= 0) this.#sender.rtt.minrto = leastRto(nodelay);
    if (interval >= 0) this.#sender.interval = clampInterval(interval);
    const classic = this.#classic;
    if (classic === undefined) return;
    if (nc >= 0) classic.congestion = this.#congestion ?? (nc === 0 ? this.#reno : undefined);
    classic.configure(nodelay, resend);
  }

  /** Sets the windows in segments; each value is left alone when not positive; `rcv` is cut to 65535. */
  wndSize(snd: number, rcv: number): void {
    checkInteger(snd, 'sndWnd', -I32_MAX, I32_MAX);
    checkInteger(rcv, 'rcvWnd', -I32_MAX, I32_MAX);
    if (snd > 0) this.#sender.sndWnd = snd;
    this.#sender.window.keepsMost = this.#sender.sndWnd;
    if (rcv > 0) this.#receiver.wnd = Math.min(rcv, WND_MAX);
  }

  /**
   * Sets the largest packet; returns false and changes nothing unless it is in 25..1500.
   * Segments already given to `send` keep their length, so set it before sending.
   */
  setMtu(mtu: number): boolean {
    if (!Number.isInteger(mtu) || mtu <= OVERHEAD || mtu > MTU_MAX) return false;
    this.#writer.mtu = mtu;
    this.#sender.mss = mtu - OVERHEAD;
    return true;
  }

  /**
   * Queues a copy of `length` bytes (PROTOCOL kcp §4). Nothing is sent before the next flush, and nothing limits the queue:
   * ask {@link waitSnd} first.
   * @returns 0; -1 when `length` is 0; -2 when the message needs more than 255 segments, or in message mode more than the
   *   peer's whole window, where other programs would take it in part and then stand still for good. Until the peer is
   *   heard, its window is taken for as large as the own one
   */
  send(bytes: Uint8Array, offset = 0, length: number = bytes.length - offset): number {
    checkBytes(bytes, 'bytes');
    checkInteger(offset, 'offset', 0, bytes.length);
    checkInteger(length, 'length', 0, bytes.length - offset);
    if (length === 0) return -1;
    const { mss } = this.#sender;
    if (!this.stream && length > mss * (this.#peerWindow.size || this.#receiver.wnd)) return -2;
    return this.#sender.window.pushMessage(bytes, offset, length, mss, this.stream) ? 0 : -2;
  }

  /** Bytes of the next message, in stream mode of the next segment; -1 when there is none (PROTOCOL kcp §5). */
  peekSize(): number {
    return this.#receiver.peekSize();
  }

  /**
   * Takes the next message, in stream mode the next segment, into `target`.
   * @returns its length; -1 when there is none; -2 when `target` is too small
   */
  recv(target: Uint8Array): number {
    checkBytes(target, 'target');
    return this.#receiver.read(target);
  }

  /**
   * Finds the first readable segment without copying it: sets `segmentBytes`, `segmentOffset` and `segmentLength`.
   * Segments of a message become readable together, when the message is complete.
   * @returns false when nothing is readable
   */
  peekSegment(): boolean {
    const receiver = this.#receiver;
    if (!receiver.readable) return false;
    this.segmentBytes = receiver.headBytes;
    this.segmentOffset = receiver.headOffset;
    this.segmentLength = receiver.headLength;
    return true;
  }

  /** Consumes the segment that `peekSegment` found; its memory must not be read any more. */
  dropSegment(): void {
    if (this.#receiver.queued > 0) this.#receiver.drop();
  }

  /**
   * Takes a packet in (PROTOCOL kcp §6). Flushes by itself as kcp-go does, or remembers to, when `deferFlush` is set.
   * @param now - ms, never going back
   * @param regular - false for a packet that FEC rebuilt: it gives no window and no round-trip time
   * @param ackNoDelay - acknowledge at once
   * @returns 0; -1 too short or of another conversation; -2 cut off or longer than 1500 bytes; -3 unknown command.
   *   What a refused packet held before the fault has taken effect.
   */
  input(bytes: Uint8Array, offset: number, length: number, now: number, regular = true, ackNoDelay = false): number {
    if (length < OVERHEAD) return -1;
    if (length > MTU_MAX) return -2;
    const sender = this.#sender;
    const window = sender.window;
    const end = offset + length;
    const cur = Math.floor(now);
    const doubts = window.keeps;
    const unaBefore = window.una;
    const packetUna = readU32(bytes, offset + 16);
    let advanced = false;
    let due = false;
    let latest = -1;
    let segments = 0;
    let fault = 0;
    while (end - offset >= OVERHEAD) {
      const cmd = bytes[offset + 4]!;
      const size = readU32(bytes, offset + 20);
      if (readU32(bytes, offset) !== this.conv) fault = -1;
      else if (size > end - offset - OVERHEAD) fault = -2;
      else if (cmd < CMD_PUSH || cmd > CMD_WINS) fault = -3;
      if (fault !== 0) break;
      const una = readU32(bytes, offset + 16);
      if (regular && (!doubts || serialDiff(una, window.una) >= 0)) sender.rmtWnd = readU16(bytes, offset + 6);
      if (sender.acknowledge(una)) advanced = true;
      if (sender.rmtWnd > this.#peerWindow.size && regular) this.#peerWindow.note(sender.rmtWnd, window.una);
      const ts = readU32(bytes, offset + 8);
      const sn = readU32(bytes, offset + 12);
      if (cmd === CMD_ACK) {
        if (sender.onAck(sn, ts, now, regular)) due = true;
        if (regular && this.ackTimes.note(cur, ts)) latest = ts;
        if (this.#onAck !== undefined) this.#onAck(sn, ts, regular);
      } else if (cmd === CMD_PUSH) {
        const fresh = this.#receiver.accept(bytes, offset, sn, ts, size);
        if (!fresh && regular) this.stats.repeatSegs += 1;
      } else if (cmd === CMD_WASK) {
        this.#receiver.probe |= ASK_TELL;
      }
      segments += 1;
      offset += OVERHEAD + size;
    }
    if (fault !== 0) {
      // The reference has counted the ACKs before the fault, but does not flush for them.
      if (!this.deferFlush) sender.applyAcks();
      return fault;
    }
    this.stats.inSegs += segments;
    let rtt = -1;
    if (latest >= 0) {
      rtt = serialDiff(cur, latest);
      if (rtt >= 0) sender.rtt.update(rtt, sender.interval);
    }
    if (doubts && regular) this.#classic?.corroborate(cur, packetUna, unaBefore, latest);
    sender.onInputEnd(now, advanced, rtt);
    this.#decide(now, advanced || due, ackNoDelay);
    return 0;
  }

  /**
   * Flushes once for everything that `input` took in since the last flush while `deferFlush` was set.
   * @returns whether there was anything to flush for
   */
  flushDeferred(now: number): boolean {
    if (this.#sender.applyAcks()) this.#dueFull = true;
    if (!this.#dueFull && !this.#dueAcks) return false;
    this.flush(now, !this.#dueFull);
    return true;
  }

  /**
   * Sends what is due (PROTOCOL kcp §8): acknowledgements, window messages, new data, retransmissions.
   * @param now - ms, never going back
   * @param ackOnly - send no data
   * @returns ms until the next flush, 1..interval
   */
  flush(now: number, ackOnly = false): number {
    const cur = Math.floor(now);
    const receiver = this.#receiver;
    const writer = this.#writer;
    this.#dueAcks = false;
    this.#flushedAt = cur;
    if (!ackOnly) {
      this.#dueFull = false;
      this.#flushedFullAt = cur;
    }
    const segments = this.stats.outSegs;
    writer.open(receiver.free, receiver.rcvNxt);
    if (receiver.ackCount > 0) this.stats.outSegs += receiver.writeAcks(writer, now);
    if (this.#probe.poll(cur, this.#sender.rmtWnd)) {
      receiver.probe |= ASK_SEND;
      this.#sender.onProbe(cur);
    }
    if (receiver.probe !== 0) {
      this.stats.outSegs += this.#writer.windowMessages(receiver.probe);
      receiver.probe = 0;
    }
    this.quota.spendOnControl(this.stats.outSegs - segments);
    const next = this.#sender.flush(now, !ackOnly, writer);
    writer.finish();
    if (cur >= this.#shrinkAt) {
      this.#shrinkAt = cur + SHRINK_PERIOD;
      this.#sender.window.shrink();
      receiver.shrink();
    }
    this.#pool.maintain(cur);
    return next;
  }

  /**
   * When `flush` must be called at the latest, without regard to what `send` adds later.
   * @returns absolute ms, at least `now`; `undefined` when nothing is queued, in flight, to acknowledge or to ask for. While `quota.held`, data are left out.
   */
  nextTimeout(now: number): number | undefined {
    const sender = this.#sender;
    const receiver = this.#receiver;
    const { held } = this.quota;
    if (this.#dueAcks || (this.#dueFull && !held)) return now;
    let at = held ? Number.POSITIVE_INFINITY : sender.earliest;
    if (receiver.ackCount > 0 || receiver.probe !== 0) at = Math.min(at, this.#flushedAt + sender.interval);
    if (!held && sender.due) at = Math.min(at, this.#flushedFullAt + sender.interval);
    if (sender.rmtWnd === 0) at = Math.min(at, this.#probe.wait === 0 ? this.#flushedAt + sender.interval : this.#probe.at);
    if (at === Number.POSITIVE_INFINITY) return undefined;
    return Math.max(at, now);
  }

  /** Asks the peer for its window with the next full flush; the answer tells its una as well. */
  askWindow(): void {
    this.#receiver.probe |= ASK_SEND;
  }

  /** Makes all that is unanswered due again with fresh timeouts, a piece at a time: after a long silence they are long. */
  expedite(now: number): void {
    this.#sender.expedite(now);
  }

  /**
   * Sends again, from `una` on, what one packet has acknowledged and later ones have not (`doubts`).
   * @returns false when its payload is gone
   */
  retract(una: number, now: number): boolean {
    return this.#classic?.retract(Math.floor(now), una) ?? false;
  }

  /** ikcp's way of driving: call it every 10-100 ms, or when `check` says so; it flushes once per interval. */
  update(now: number): void {
    if (this.#schedule.due(Math.floor(now), this.#sender.interval)) this.flush(now);
  }

  /** When `update` must be called next if neither `send` nor `input` is called before; absolute ms, at least `now`. */
  check(now: number): number {
    const cur = Math.floor(now);
    const at = Math.min(this.#schedule.next(cur), this.#sender.earliest, cur + this.#sender.interval);
    return Math.max(at, now);
  }

  /** Gives back all memory that holds no segment. Happens by itself within some seconds of flushing after a peak. */
  trim(): void {
    this.#sender.window.shrink();
    this.#receiver.shrink();
    this.#pool.trim();
  }

  /** Drops all data and gives their memory back to the pool. The last call on a conversation, needed with a shared pool. */
  release(): void {
    this.#sender.clear();
    this.#receiver.clear();
    this.#dueFull = false;
    this.#dueAcks = false;
  }

  /** Makes a record of the internal variables. */
  state(): KcpState {
    return stateOf(this.#sender, this.#receiver, this.#reno, this.#probe);
  }

  /** What kcp-go flushes at the end of Input. */
  #decide(now: number, full: boolean, ackNoDelay: boolean): void {
    const acks = this.#receiver.ackCount;
    if (acks > 0 && (ackNoDelay || acks >= this.#receiver.acksOfPacket(this.#writer.mtu, now))) this.#dueAcks = true;
    if (full) this.#dueFull = true;
    if (this.deferFlush) return;
    this.flushDeferred(now);
  }
}
