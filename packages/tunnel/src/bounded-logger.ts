// No line of the log may be repeated without a bound: what a peer, a broken network or a hostile client can cause, it
// can cause ten thousand times. Lines that differ in nothing but numbers and addresses are of one kind, and each kind
// has a budget, whoever writes it.

import type { LogFields, Logger } from '@kcptun/common';
import { LineBudget } from './line-budget.ts';

/** Lines of one kind a minute: warnings and errors. */
const TROUBLE_LINES = 60;
/** Lines of one kind a minute: what happens in the ordinary course, such as a stream that is opened. */
const ORDINARY_LINES = 6000;
/** Kinds that are told apart; all others share one budget. */
const MAX_KINDS = 256;
/** So much of a line tells its kind. */
const KIND_LENGTH = 200;
/** What differs between lines of a kind: hexadecimal groups with points or colons between them, and numbers. */
const VARYING = /\[?[0-9a-f]*[.:][0-9a-f.:]*[0-9a-f](?:%\w+)?\]?(?::\d+)?|\d+/gi;

/**
 * A logger that leaves lines out beyond the budget of their kind, and says how many with the next one.
 * @param now - the time in ms
 */
export function boundLines(logger: Logger, now: () => number): Logger {
  const bounded = (write: (message: string, fields?: LogFields) => void, lines: number): Logger['info'] => {
    const budgets = new Map<string, LineBudget>();
    const others = new LineBudget(lines);
    const budgetOf = (kind: string): LineBudget => {
      const known = budgets.get(kind);
      if (known !== undefined) return known;
      if (budgets.size >= MAX_KINDS) return others;
      const budget = new LineBudget(lines);
      budgets.set(kind, budget);
      return budget;
    };
    return (message, fields) => {
      const more = budgetOf(message.slice(0, KIND_LENGTH).replace(VARYING, '#')).take(now());
      if (more !== undefined) write(`${message}${more}`, fields);
    };
  };
  return {
    debug: bounded((message, fields) => logger.debug(message, fields), ORDINARY_LINES),
    info: bounded((message, fields) => logger.info(message, fields), ORDINARY_LINES),
    warn: bounded((message, fields) => logger.warn(message, fields), TROUBLE_LINES),
    error: bounded((message, fields) => logger.error(message, fields), TROUBLE_LINES),
  };
}
