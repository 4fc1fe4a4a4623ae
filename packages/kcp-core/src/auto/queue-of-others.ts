// Whether a queue that stays is ours. A queue that is long for some rounds asks for a drain with a
// fresh base. If it is still there although we sent slowly, other flows fill it, or the route is longer
// now: then the rate of before comes back (rate-controller.ts).

/** A queue above this many targets for so many rounds is long. */
const HIGH = 3;
const HIGH_ROUNDS = 4;
/** Share of the rate of before that is taken up again when the queue was not ours. */
const UNDO = 0.9;
/** Rounds after the drain in which the queue that stayed is measured. */
const LOOK_ROUNDS = 2;

/** The question, from a queue that is long to its answer. */
export class QueueOfOthers {
  #highRounds = 0;
  #bwUndisturbed = 0;
  #bwBefore = 0;
  /** The round in which it shows whether the queue was ours; -1: no question is open. */
  #answerIn = -1;

  /** Whether the queue has been long for so many rounds that a drain is due. */
  get isLong(): boolean {
    return this.#highRounds >= HIGH_ROUNDS;
  }

  /** Takes the queue of a round, the one that is wanted, and the rate. */
  note(queue: number, target: number, bw: number): void {
    if (queue > HIGH * target) {
      if (this.#highRounds === 0) this.#bwBefore = this.#bwUndisturbed;
      this.#highRounds += 1;
    } else {
      this.#highRounds = 0;
      this.#bwUndisturbed = bw;
    }
  }

  /** Whether the answer is there in `round`; the question is closed then. */
  isAnswered(round: number): boolean {
    if (this.#answerIn < 0 || round < this.#answerIn) return false;
    this.#answerIn = -1;
    return true;
  }

  /** The rate to go on with when the queue was not ours. */
  restored(bw: number): number {
    return Math.max(bw, UNDO * this.#bwBefore);
  }

  /** A drain begins. Returns whether it puts the question. */
  drainBegins(): boolean {
    const asks = this.isLong;
    if (asks) this.#answerIn = Number.MAX_SAFE_INTEGER;
    this.#highRounds = 0;
    return asks;
  }

  /** A drain has ended in `round`. Returns whether a question is open: its answer is measured from here on. */
  drainEnds(round: number): boolean {
    if (this.#answerIn < 0) return false;
    this.#answerIn = round + LOOK_ROUNDS;
    return true;
  }

  /** Nothing was heard for long. */
  forget(): void {
    this.#answerIn = -1;
  }
}
