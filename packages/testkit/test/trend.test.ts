// The slope of a series of samples: it is what it is, and noise is not taken for growth.

import { fitTrend, Random } from '@kcptun/testkit';
import { describe, expect, test } from 'vitest';

describe('a trend', () => {
  test('is the slope of a line', () => {
    const trend = fitTrend([1, 3, 5, 7, 9]);
    expect(trend.slope).toBeCloseTo(2);
    expect(trend.flat).toBe(false);
  });

  test.each([0, 0.3, 0.5])('lies within noise where there is nothing but noise, each sample having %d of the one before', (share) => {
    const random = new Random(7);
    const flat = Array.from({ length: 400 }, (_, seed) => {
      random.reseed(seed);
      let value = 0;
      return fitTrend(
        Array.from({ length: 45 }, () => {
          value = share * value + random.float() - 0.5;
          return value;
        }),
      ).flat;
    }).filter(Boolean).length;
    // 95 % of 400 are 380; three deviations are 13.
    expect(flat).toBeGreaterThanOrEqual(367);
    expect(flat).toBeLessThanOrEqual(393);
  });

  test('needs three values', () => {
    expect(() => fitTrend([1, 2])).toThrow(RangeError);
  });
});
