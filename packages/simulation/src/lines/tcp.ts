// A TCP bulk transfer beside the tunnels: enough of it to take and to give way as real ones do. SACK (an
// acknowledgement tells all that has arrived), RACK-like loss detection, one reduction per round, a
// retransmission timeout, cubic or reno growth, an exit from slow start when the delay rises (HyStart).
// Payload does not matter, so a lost segment is not the same bytes again but just one more to send.

import type { SimLink, VirtualClock, VirtualTimer } from '@kcptun/testkit';

/** How a transfer grows and what it keeps after a loss. */
export type TcpKind = 'cubic' | 'reno';

const SEGMENT = new Uint8Array(1448);
const ACK = new Uint8Array(40);
const FIRST_WINDOW = 10;
const LEAST_WINDOW = 2;
const OVERTAKEN = 3;
const RTO_LEAST = 200;
const RTO_FIRST = 1000;
const RTO_MOST = 60_000;
const DELAYED_ACK = 25;
const CUBIC_C = 0.4;
const CUBIC_KEEPS = 0.7;
const RENO_KEEPS = 0.5;

const OUT = 0;
const ACKED = 1;
const LOST = 2;

/** One bulk transfer over two links. */
export class TcpFlow {
  /** Bytes that have arrived. */
  received = 0;
  readonly #clock: VirtualClock;
  readonly #forth: SimLink;
  readonly #back: SimLink;
  readonly #kind: TcpKind;
  /** Of each transmission, by its number. */
  readonly #sentAt: number[] = [];
  readonly #state: number[] = [];
  #head = 0;
  #flying = 0;
  /** Latest transmission that has arrived, as the sender knows. */
  #top = -1;
  /** Transmissions in the order in which they arrived, and how many of them the sender knows. */
  readonly #arrived: number[] = [];
  #known = 0;
  #unacked = 0;
  #ackTimer: VirtualTimer | undefined;
  #cwnd = FIRST_WINDOW;
  #threshold: number = Number.POSITIVE_INFINITY;
  /** A loss of a transmission before this one belongs to the last reduction. */
  #recover = 0;
  #most = 0;
  #epoch = -1;
  #srtt = 0;
  #rttvar = 0;
  #leastRtt: number = Number.POSITIVE_INFINITY;
  #timer: VirtualTimer | undefined;
  #backoff = 1;

  constructor(clock: VirtualClock, forth: SimLink, back: SimLink, kind: TcpKind) {
    this.#clock = clock;
    this.#forth = forth;
    this.#back = back;
    this.#kind = kind;
  }

  /** Begins to send, without end. */
  start(): void {
    this.#send();
  }

  #send(): void {
    const { now } = this.#clock;
    while (this.#flying < Math.floor(this.#cwnd)) {
      const number = this.#sentAt.length;
      this.#sentAt.push(now);
      this.#state.push(OUT);
      this.#flying += 1;
      this.#forth.transmit(now, SEGMENT, (at) => {
        this.#clock.schedule(at, () => this.#arrive(number));
      });
    }
    if (this.#timer === undefined) this.#arm();
  }

  #arrive(number: number): void {
    this.received += SEGMENT.length;
    const last = this.#arrived.at(-1) ?? -1;
    this.#arrived.push(number);
    this.#unacked += 1;
    if (this.#unacked >= 2 || number !== last + 1) this.#acknowledge();
    else this.#ackTimer ??= this.#clock.after(DELAYED_ACK, () => this.#acknowledge());
  }

  #acknowledge(): void {
    this.#clock.cancel(this.#ackTimer);
    this.#ackTimer = undefined;
    this.#unacked = 0;
    const { now } = this.#clock;
    const count = this.#arrived.length;
    this.#back.transmit(now, ACK, (at) => {
      this.#clock.schedule(at, () => this.#onAck(count));
    });
  }

  #onAck(count: number): void {
    if (count <= this.#known) return;
    const { now } = this.#clock;
    let acked = 0;
    for (; this.#known < count; this.#known++) {
      const number = this.#arrived[this.#known] as number;
      if (this.#state[number] === OUT) {
        this.#flying -= 1;
        acked += 1;
      }
      this.#state[number] = ACKED;
      this.#top = Math.max(this.#top, number);
    }
    this.#sample(now - (this.#sentAt[this.#arrived[count - 1] as number] as number));
    this.#backoff = 1;
    const lost = this.#detect();
    if (lost >= this.#recover) this.#reduce();
    else this.#grow(acked, now);
    this.#arm();
    this.#send();
  }

  #sample(rtt: number): void {
    this.#leastRtt = Math.min(this.#leastRtt, rtt);
    if (this.#srtt === 0) {
      this.#srtt = rtt;
      this.#rttvar = rtt / 2;
    } else {
      this.#rttvar += (Math.abs(rtt - this.#srtt) - this.#rttvar) / 4;
      this.#srtt += (rtt - this.#srtt) / 8;
    }
    const rise = Math.max(4, Math.min(16, this.#leastRtt / 8));
    if (this.#kind === 'cubic' && this.#cwnd < this.#threshold && this.#cwnd > 16 && this.#srtt > this.#leastRtt + rise) {
      this.#threshold = this.#cwnd;
    }
  }

  /** Marks what was overtaken as lost; returns the latest such, or -1. */
  #detect(): number {
    const allowed = (this.#sentAt[this.#top] as number) - this.#leastRtt / 4;
    let lost = -1;
    for (let number = this.#head; number + OVERTAKEN <= this.#top; number++) {
      if (this.#state[number] === OUT) {
        if ((this.#sentAt[number] as number) > allowed) break;
        this.#state[number] = LOST;
        this.#flying -= 1;
        lost = number;
      }
      if (number === this.#head) this.#head += 1;
    }
    return lost;
  }

  #reduce(): void {
    this.#recover = this.#sentAt.length;
    this.#most = this.#cwnd;
    this.#cwnd = Math.max(LEAST_WINDOW, this.#cwnd * (this.#kind === 'cubic' ? CUBIC_KEEPS : RENO_KEEPS));
    this.#threshold = this.#cwnd;
    this.#epoch = -1;
  }

  #grow(acked: number, now: number): void {
    if (this.#cwnd < this.#threshold) {
      this.#cwnd += acked;
      return;
    }
    const reno = (this.#kind === 'cubic' ? (3 * (1 - CUBIC_KEEPS)) / (1 + CUBIC_KEEPS) : 1) / this.#cwnd;
    if (this.#kind === 'reno') {
      this.#cwnd += acked * reno;
      return;
    }
    if (this.#epoch < 0) {
      this.#epoch = now;
      this.#most = Math.max(this.#most, this.#cwnd);
    }
    const root = Math.cbrt((this.#most * (1 - CUBIC_KEEPS)) / CUBIC_C);
    const target = CUBIC_C * ((now - this.#epoch + this.#srtt) / 1000 - root) ** 3 + this.#most;
    const cubic = Math.min(0.5, Math.max(0, (target - this.#cwnd) / this.#cwnd));
    this.#cwnd += acked * Math.max(cubic, reno);
  }

  #arm(): void {
    this.#clock.cancel(this.#timer);
    const rto = this.#srtt === 0 ? RTO_FIRST : Math.max(RTO_LEAST, this.#srtt + 4 * this.#rttvar + DELAYED_ACK);
    this.#timer = this.#clock.after(Math.min(RTO_MOST, rto * this.#backoff), this.#timeOut);
  }

  readonly #timeOut = (): void => {
    this.#backoff *= 2;
    for (let number = this.#head; number < this.#sentAt.length; number++) {
      if (this.#state[number] === OUT) this.#state[number] = LOST;
    }
    this.#head = this.#sentAt.length;
    this.#flying = 0;
    this.#threshold = Math.max(LEAST_WINDOW, this.#cwnd / 2);
    this.#most = this.#cwnd;
    this.#cwnd = 1;
    this.#epoch = -1;
    this.#recover = this.#sentAt.length;
    this.#timer = undefined;
    this.#send();
  };
}
