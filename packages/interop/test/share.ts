// The gate has 20 minutes: it runs a share of the long lists of cases, another one each time. KCPTUN_INTEROP=all runs all of them.

/** Whether every case of every list is wanted. */
export const everything = process.env['KCPTUN_INTEROP'] === 'all';

/**
 * Every `step`th of the cases, from a random one of the first `step` on, or all of them.
 * @param step - at least 1
 */
export function shareOf<T>(cases: readonly T[], step: number): readonly T[] {
  if (everything) return cases;
  const first = Math.floor(Math.random() * step);
  return cases.filter((_, index) => index % step === first);
}
