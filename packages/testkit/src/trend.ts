// Whether a series of samples grows: the slope of a straight line through it, with its 95 % confidence interval. Samples of memory resemble the
// one before (what a pool has kept, it still has a minute later), so there is less to learn from them than from as many independent ones: the
// interval is widened by what the correlation of neighbours costs.

/** A straight line through samples. */
export interface Trend {
  /** Units per step. */
  readonly slope: number;
  /** Half the width of the slope's 95 % confidence interval. */
  readonly margin: number;
  /** Whether 0 lies within the interval: no growth or shrinking is to be seen. */
  readonly flat: boolean;
}

/** 97.5 % points of Student's t for 1, 2, 3 ... degrees of freedom. */
const STUDENT = [12.71, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145, 2.131, 2.12, 2.11, 2.101];

/**
 * Fits a line by least squares. The interval is that of independent errors, times `sqrt((1 + r) / (1 - r))` where the error correlates with
 * the one before by r > 0.
 * @param values - equally spaced samples, at least three
 * @throws {RangeError} when there are fewer
 */
export function fitTrend(values: readonly number[]): Trend {
  const count = values.length;
  if (count < 3) throw new RangeError(`values must be at least 3, got ${count}`);
  const middle = (count - 1) / 2;
  const mean = values.reduce((sum, value) => sum + value, 0) / count;
  let spread = 0;
  let together = 0;
  values.forEach((value, index) => {
    spread += (index - middle) ** 2;
    together += (index - middle) * (value - mean);
  });
  const slope = together / spread;
  const errors = values.map((value, index) => value - mean - slope * (index - middle));
  const squares = errors.reduce((sum, error) => sum + error ** 2, 0);
  const deviation = Math.sqrt(squares / (count - 2) / spread);
  const margin = deviation * studentPoint(count - 2) * widening(errors, squares);
  return { slope, margin, flat: Math.abs(slope) <= margin };
}

/** What a short series shows of the correlation is too low by about (1 + 4 r) / count, which is given back. */
function widening(errors: readonly number[], squares: number): number {
  const count = errors.length;
  if (squares === 0 || count <= 8) return 1;
  const products = errors.reduce((sum, error, index) => sum + error * (errors[index - 1] ?? 0), 0);
  const correlation = Math.min(0.9, Math.max(0, ((products / squares) * count + 1) / (count - 4)));
  return Math.sqrt((1 + correlation) / (1 - correlation));
}

/** Beyond the table an approximation that is right to three digits. */
function studentPoint(freedom: number): number {
  return STUDENT[freedom - 1] ?? 1.96 + 2.5 / freedom;
}
