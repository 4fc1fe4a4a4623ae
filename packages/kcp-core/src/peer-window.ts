// How many segments the peer's window holds, from what it has advertised: a message with more
// fragments can never arrive there.

/** What is known of the peer's receive window. */
export class PeerWindow {
  /** Most segments that it is known to hold; 0 before the peer was heard. */
  size = 0;
  readonly #startSn: number;

  /** @param startSn - first sn of the conversation */
  constructor(startSn: number) {
    this.#startSn = startSn;
  }

  /**
   * The peer has more room than was known. When first heard, it may hold unread what it has
   * acknowledged by then.
   */
  note(free: number, sndUna: number): void {
    const unread = this.size === 0 ? (sndUna - this.#startSn) >>> 0 : 0;
    this.size = free + unread;
  }
}
