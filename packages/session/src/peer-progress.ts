// How far the peer of a session has come, by which its next packet, from wherever, is told from one that was recorded: whatever was taken in
// already is never newer than itself. Times are compared as u32 and only with others of the same clock.

import { readU32, serialDiff } from '@kcptun/common';
import { CMD_ACK, CMD_PUSH, type Kcp } from '@kcptun/kcp-core';

/** The newest times that packets of one peer had. */
export class PeerProgress {
  /** Latest time on the peer's clock that a data packet of it had. */
  #newestTs = 0;
  #tsKnown = false;
  /** Latest time on our clock of what a packet of it acknowledged. */
  #newestEcho: number;

  /** @param now - when the session was opened, ms */
  constructor(now: number) {
    this.#newestEcho = Math.floor(now) >>> 0;
  }

  /** Takes the command and the time of the first segment of a packet. */
  note(cmd: number, ts: number): void {
    if (cmd === CMD_ACK) {
      if (serialDiff(ts, this.#newestEcho) > 0) this.#newestEcho = ts;
    } else if (cmd === CMD_PUSH && (!this.#tsKnown || serialDiff(ts, this.#newestTs) > 0)) {
      this.#newestTs = ts;
      this.#tsKnown = true;
    }
  }

  /**
   * Whether the packet at `offset` can be the peer's next one: then the path that it came from is
   * asked. What it sends and what it acknowledges must be within the windows and not behind what is
   * known. Data must be newer than any before, and an acknowledgement as well unless it moves una.
   * Words about windows have no time of their own; their sn is that of an acknowledgement in the
   * same flush, or 0.
   */
  isNext(bytes: Uint8Array, offset: number, kcp: Kcp): boolean {
    const { sndUna, sndNxt, rcvNxt } = kcp.state();
    const una = readU32(bytes, offset + 16);
    if (serialDiff(una, sndUna) < 0 || serialDiff(una, sndNxt) > 0) return false;
    const cmd = bytes[offset + 4]!;
    const ts = readU32(bytes, offset + 8);
    const sn = readU32(bytes, offset + 12);
    if (cmd !== CMD_PUSH && (cmd === CMD_ACK || sn !== 0)) {
      if (serialDiff(sn, sndNxt) >= 0 || serialDiff(sn, sndUna) < -kcp.sndWnd) return false;
      if (cmd !== CMD_ACK) return true;
      return una !== sndUna || serialDiff(ts, this.#newestEcho) > 0;
    }
    if (cmd !== CMD_PUSH) return true;
    // Segments are sent again after their acknowledgements were lost on the old path: those behind rcvNxt count too, their time is new.
    const distance = serialDiff(sn, rcvNxt);
    if (distance < -kcp.rcvWnd || distance >= kcp.rcvWnd) return false;
    return !this.#tsKnown || serialDiff(ts, this.#newestTs) > 0;
  }
}
