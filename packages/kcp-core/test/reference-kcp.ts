// The plain form of the state machine, written down sentence by sentence from PROTOCOL kcp: objects and arrays, every walk
// done whenever the text says so. Slow on purpose; the differential tests hold the real one against it.

const MARK = 0xffffffff;

function diff(a: number, b: number): number {
  return (a - b) | 0;
}

interface Segment {
  readonly frg: number;
  sn: number;
  ts: number;
  xmit: number;
  rto: number;
  resendts: number;
  fastack: number;
  acked: boolean;
  data: number[];
}

interface Received {
  readonly sn: number;
  readonly frg: number;
  readonly data: Uint8Array;
}

export interface ReferenceOptions {
  readonly conv: number;
  readonly output: (packet: Uint8Array) => void;
  readonly nodelay: number;
  readonly interval: number;
  readonly resend: number;
  readonly nc: number;
  readonly sndWnd: number;
  readonly rcvWnd: number;
  readonly mtu: number;
  readonly stream: boolean;
  readonly startSn: number;
}

export class ReferenceKcp {
  readonly #o: ReferenceOptions;
  readonly #mss: number;
  sndUna: number;
  sndNxt: number;
  rcvNxt: number;
  ssthresh = 2;
  srtt = 0;
  rttvar = 0;
  rto = 200;
  rmtWnd = 32;
  cwnd = 0;
  incr = 0;
  probe = 0;
  probeWait = 0;
  tsProbe = 0;
  deadLink = false;
  sndQueue: Segment[] = [];
  sndBuf: Segment[] = [];
  rcvBuf: Received[] = [];
  rcvQueue: Received[] = [];
  acklist: { readonly sn: number; readonly ts: number }[] = [];

  constructor(options: ReferenceOptions) {
    this.#o = options;
    this.#mss = options.mtu - 24;
    this.sndUna = options.startSn;
    this.sndNxt = options.startSn;
    this.rcvNxt = options.startSn;
  }

  send(bytes: Uint8Array): number {
    let rest = [...bytes];
    if (rest.length === 0) return -1;
    const last = this.sndQueue[this.sndQueue.length - 1];
    if (this.#o.stream && last !== undefined && last.data.length < this.#mss) {
      const part = rest.slice(0, this.#mss - last.data.length);
      last.data.push(...part);
      rest = rest.slice(part.length);
      if (rest.length === 0) return 0;
    }
    const count = Math.max(1, Math.ceil(rest.length / this.#mss));
    if (count > 255) return -2;
    for (let i = 0; i < count; i++) {
      const data = rest.slice(i * this.#mss, (i + 1) * this.#mss);
      const frg = this.#o.stream ? 0 : count - 1 - i;
      this.sndQueue.push({ frg, sn: 0, ts: 0, xmit: 0, rto: 0, resendts: 0, fastack: 0, acked: false, data });
    }
    return 0;
  }

  peekSize(): number {
    const first = this.rcvQueue[0];
    if (first === undefined) return -1;
    if (first.frg === 0) return first.data.length;
    if (this.rcvQueue.length < first.frg + 1) return -1;
    let size = 0;
    for (const segment of this.rcvQueue) {
      size += segment.data.length;
      if (segment.frg === 0) break;
    }
    return size;
  }

  recv(): Uint8Array | number {
    const size = this.peekSize();
    if (size < 0) return -1;
    const full = this.rcvQueue.length >= this.#o.rcvWnd;
    const bytes: number[] = [];
    for (;;) {
      const segment = this.rcvQueue.shift();
      if (segment === undefined) break;
      bytes.push(...segment.data);
      if (segment.frg === 0) break;
    }
    this.#deliver();
    if (full && this.rcvQueue.length < this.#o.rcvWnd) this.probe |= 2;
    return Uint8Array.from(bytes);
  }

  input(bytes: Uint8Array, now: number, regular: boolean, ackNoDelay: boolean): number {
    const una0 = this.sndUna;
    let flushNow = false;
    let haveAck = false;
    let latest = 0;
    if (bytes.length < 24) return -1;
    let rest = bytes;
    while (rest.length >= 24) {
      const view = new DataView(rest.buffer, rest.byteOffset, rest.length);
      const cmd = rest[4]!;
      const frg = rest[5]!;
      const wnd = view.getUint16(6, true);
      const ts = view.getUint32(8, true);
      const sn = view.getUint32(12, true);
      const una = view.getUint32(16, true);
      const len = view.getUint32(20, true);
      if (view.getUint32(0, true) !== this.#o.conv) return -1;
      if (rest.length - 24 < len) return -2;
      if (cmd < 81 || cmd > 84) return -3;
      if (regular) this.rmtWnd = wnd;
      while (this.sndBuf[0] !== undefined && diff(una, this.sndBuf[0].sn) > 0) {
        this.sndBuf.shift();
        flushNow = true;
      }
      this.sndUna = this.sndBuf[0]?.sn ?? this.sndNxt;
      if (cmd === 82) {
        if (diff(sn, this.sndUna) >= 0 && diff(sn, this.sndNxt) < 0) {
          for (const segment of this.sndBuf) if (segment.sn === sn) segment.acked = true;
          for (const segment of this.sndBuf) {
            if (diff(segment.sn, sn) > 0) break;
            if (segment.sn === sn || diff(segment.ts, ts) > 0 || segment.fastack === MARK) continue;
            segment.fastack += 1;
            if (segment.fastack >= this.#o.resend) flushNow = true;
          }
        }
        haveAck = true;
        latest = ts;
      } else if (cmd === 81) {
        if (diff(sn, this.rcvNxt + this.#o.rcvWnd) < 0) {
          this.acklist.push({ sn, ts });
          if (diff(sn, this.rcvNxt) >= 0) {
            if (!this.rcvBuf.some((segment) => segment.sn === sn)) {
              this.rcvBuf.push({ sn, frg, data: rest.slice(24, 24 + len) });
              this.rcvBuf.sort((a, b) => diff(a.sn, b.sn));
            }
            this.#deliver();
          }
        }
      } else if (cmd === 83) {
        this.probe |= 2;
      }
      rest = rest.subarray(24 + len);
    }
    if (haveAck && regular) {
      const rtt = diff(now, latest);
      if (rtt >= 0) this.#updateRtt(rtt);
    }
    if (this.#o.nc === 0 && diff(this.sndUna, una0) > 0 && this.cwnd < this.rmtWnd) this.#grow();
    if (flushNow) this.flush(now, false);
    else if (this.acklist.length >= Math.floor(this.#o.mtu / 24)) this.flush(now, true);
    else if (ackNoDelay && this.acklist.length > 0) this.flush(now, true);
    return 0;
  }

  flush(now: number, ackOnly: boolean): number {
    const o = this.#o;
    let packet: number[] = [];
    let ts = 0;
    let sn = 0;
    const wnd = Math.max(0, o.rcvWnd - this.rcvQueue.length) & 0xffff;
    const una = this.rcvNxt;
    const emit = (length: number) => {
      if (packet.length + length <= o.mtu) return;
      o.output(Uint8Array.from(packet));
      packet = [];
    };
    const write = (cmd: number, frg: number, data: readonly number[]) => {
      const header = new DataView(new ArrayBuffer(24));
      header.setUint32(0, o.conv, true);
      header.setUint8(4, cmd);
      header.setUint8(5, frg);
      header.setUint16(6, wnd, true);
      header.setUint32(8, ts, true);
      header.setUint32(12, sn, true);
      header.setUint32(16, una, true);
      header.setUint32(20, data.length, true);
      packet.push(...new Uint8Array(header.buffer), ...data);
    };
    this.acklist.forEach((ack, index) => {
      emit(24);
      if (diff(ack.sn, this.rcvNxt) < 0 && index !== this.acklist.length - 1) return;
      ts = ack.ts;
      sn = ack.sn;
      write(82, 0, []);
    });
    this.acklist = [];

    if (this.rmtWnd !== 0) {
      this.tsProbe = 0;
      this.probeWait = 0;
    } else if (this.probeWait === 0) {
      this.probeWait = 500;
      this.tsProbe = now + 500;
    } else if (diff(now, this.tsProbe) >= 0) {
      this.probeWait = Math.max(this.probeWait, 500);
      this.probeWait = Math.min(this.probeWait + Math.floor(this.probeWait / 2), 120000);
      this.tsProbe = now + this.probeWait;
      this.probe |= 1;
    }
    for (const [bit, cmd] of [
      [1, 83],
      [2, 84],
    ] as const) {
      if ((this.probe & bit) === 0) continue;
      emit(24);
      write(cmd, 0, []);
    }
    this.probe = 0;

    let w = Math.min(o.sndWnd, this.rmtWnd);
    if (o.nc === 0) w = Math.min(this.cwnd, w);
    let newCount = 0;
    while (diff(this.sndNxt, this.sndUna + w) < 0) {
      const segment = this.sndQueue.shift();
      if (segment === undefined) break;
      segment.sn = this.sndNxt;
      this.sndBuf.push(segment);
      this.sndNxt = (this.sndNxt + 1) >>> 0;
      newCount += 1;
    }
    let next = o.interval;
    if (!ackOnly) {
      const resent = o.resend > 0 ? o.resend : MARK;
      let change = 0;
      let lost = 0;
      for (const segment of this.sndBuf) {
        if (segment.acked) continue;
        let send = true;
        if (segment.xmit === 0) {
          segment.rto = this.rto;
          segment.resendts = (now + segment.rto) >>> 0;
        } else if (segment.fastack !== MARK && (segment.fastack >= resent || (segment.fastack > 0 && newCount === 0))) {
          segment.fastack = MARK;
          segment.rto = this.rto;
          segment.resendts = (now + segment.rto) >>> 0;
          change += 1;
        } else if (diff(now, segment.resendts) >= 0) {
          segment.rto += o.nodelay === 0 ? this.rto : Math.floor(this.rto / 2);
          segment.fastack = 0;
          segment.resendts = (now + segment.rto) >>> 0;
          lost += 1;
        } else {
          send = false;
        }
        if (send) {
          segment.xmit += 1;
          segment.ts = now;
          emit(24 + segment.data.length);
          ts = segment.ts;
          sn = segment.sn;
          write(81, segment.frg, segment.data);
          if (segment.xmit >= 20) this.deadLink = true;
        }
        const wait = diff(segment.resendts, now);
        if (wait > 0 && wait < next) next = wait;
      }
      if (o.nc === 0) this.#shrinkWindow(change, lost, w, resent);
    }
    if (packet.length > 0) o.output(Uint8Array.from(packet));
    return next;
  }

  state(): object {
    return {
      sndUna: this.sndUna,
      sndNxt: this.sndNxt,
      rcvNxt: this.rcvNxt,
      ssthresh: this.ssthresh,
      rxRto: this.rto,
      rxSrtt: this.srtt,
      rxRttvar: this.rttvar,
      rmtWnd: this.rmtWnd,
      cwnd: this.cwnd,
      probe: this.probe,
      incr: this.incr,
      probeWait: this.probeWait,
      deadLink: this.deadLink,
      sndQueue: this.sndQueue.length,
      rcvQueue: this.rcvQueue.length,
      sndBuf: this.sndBuf.length,
      rcvBuf: this.rcvBuf.length,
      acklist: this.acklist.length,
    };
  }

  #deliver(): void {
    while (this.rcvBuf[0]?.sn === this.rcvNxt && this.rcvQueue.length < this.#o.rcvWnd) {
      this.rcvQueue.push(this.rcvBuf.shift()!);
      this.rcvNxt = (this.rcvNxt + 1) >>> 0;
    }
  }

  #updateRtt(rtt: number): void {
    if (this.srtt === 0) {
      this.srtt = rtt;
      this.rttvar = rtt >> 1;
    } else {
      let d = (rtt - this.srtt) | 0;
      this.srtt = (this.srtt + (d >> 3)) | 0;
      d = Math.abs(d) | 0;
      if (rtt < ((this.srtt - this.rttvar) | 0)) this.rttvar = (this.rttvar + (((d - this.rttvar) | 0) >> 5)) | 0;
      else this.rttvar = (this.rttvar + (((d - this.rttvar) | 0) >> 2)) | 0;
    }
    const minrto = this.#o.nodelay !== 0 ? 30 : 100;
    const rto = ((this.srtt >>> 0) + Math.max(this.#o.interval, (this.rttvar << 2) >>> 0)) >>> 0;
    this.rto = Math.min(Math.max(minrto, rto), 60000);
  }

  #grow(): void {
    const mss = this.#mss;
    if (this.cwnd < this.ssthresh) {
      this.cwnd += 1;
      this.incr += mss;
    } else {
      this.incr = Math.max(this.incr, mss);
      this.incr += Math.floor((mss * mss) / this.incr) + Math.floor(mss / 16);
      if ((this.cwnd + 1) * mss <= this.incr) this.cwnd = Math.floor((this.incr + mss - 1) / mss);
    }
    if (this.cwnd > this.rmtWnd) {
      this.cwnd = this.rmtWnd;
      this.incr = this.rmtWnd * mss;
    }
  }

  #shrinkWindow(change: number, lost: number, w: number, resent: number): void {
    if (change > 0) {
      this.ssthresh = Math.max(Math.floor(((this.sndNxt - this.sndUna) >>> 0) / 2), 2);
      this.cwnd = (this.ssthresh + resent) >>> 0;
      this.incr = Math.imul(this.cwnd, this.#mss) >>> 0;
    }
    if (lost > 0) {
      this.ssthresh = Math.max(Math.floor(w / 2), 2);
      this.cwnd = 1;
      this.incr = this.#mss;
    }
    if (this.cwnd < 1) {
      this.cwnd = 1;
      this.incr = this.#mss;
    }
  }
}
