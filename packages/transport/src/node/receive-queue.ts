// Sockets that have received datagrams in this turn of the event loop. They are delivered in the check phase, after all reading; and a timer is
// held back until then too: when the process was kept from running, its timers are due before the acknowledgements that wait in the kernel
// have been read, and a retransmission timeout would send again what has long arrived (measured: 29 % of all segments on a busy machine).

/** Sockets that may hold datagrams at a time. */
const MOST_WAITING = 8;

/** Something that holds received datagrams. */
export interface Receiver {
  /** Hands on what was received. */
  deliver(): void;
}

/** Delivers what sockets received, once per turn of the event loop, and runs timers behind it. */
export class ReceiveQueue {
  #waiting: Receiver[] = [];
  #spare: Receiver[] = [];
  #immediate: NodeJS.Immediate | undefined;

  /** Adds a socket that has received something; once per delivery. */
  add(receiver: Receiver): void {
    // With very many sockets, some deliver early, so that few batches are in use at a time.
    try {
      if (this.#waiting.length >= MOST_WAITING) this.#drain();
    } finally {
      this.wake(receiver);
    }
  }

  /** Adds a socket that will read when it is asked to deliver; nothing runs now. Once per delivery. */
  wake(receiver: Receiver): void {
    this.#waiting.push(receiver);
    this.#immediate ??= setImmediate(this.#run);
  }

  /** Calls back after `delay` ms, behind what has been received by then. */
  setTimer(delay: number, callback: () => void): { cancel(): void } {
    let cancelled = false;
    let immediate: NodeJS.Immediate | undefined;
    const afterReading = (): void => {
      let drained = false;
      try {
        this.#drain();
        drained = true;
      } finally {
        // After an exception of a receiver the others come first, then the timer: it is not lost.
        if (!drained && !cancelled) immediate = setImmediate(afterReading);
      }
      if (!cancelled) callback();
    };
    const timer = setTimeout(() => {
      immediate = setImmediate(afterReading);
    }, delay);
    return {
      cancel: () => {
        cancelled = true;
        clearTimeout(timer);
        clearImmediate(immediate);
      },
    };
  }

  readonly #run = (): void => {
    this.#immediate = undefined;
    this.#drain();
  };

  #drain(): void {
    const waiting = this.#waiting;
    if (waiting.length === 0) return;
    this.#waiting = this.#spare;
    this.#spare = waiting;
    let next = 0;
    try {
      while (next < waiting.length) waiting[next++]!.deliver();
    } finally {
      // After an exception of one the others still have their turn.
      for (const receiver of waiting.slice(next)) this.wake(receiver);
      waiting.length = 0;
    }
  }
}
