// Errors of this package. It depends on nothing, so it brands them itself the way all kcptun packages do: two installed
// copies recognise each other's errors, and so does `isKcptunError` of @kcptun/common.

const BRAND = Symbol.for('kcptun.error');

/** Why a {@link ReedSolomonError} was thrown. */
export type ReedSolomonErrorCode = 'KCPTUN_ERR_RS_TOO_FEW_SHARDS' | 'KCPTUN_ERR_RS_MEMORY_FULL';

/** Something that is no programmer's mistake went wrong. Match on `code`. */
export class ReedSolomonError extends Error {
  /** Stable, machine-readable reason. */
  readonly code: ReedSolomonErrorCode;

  /**
   * @param code - stable reason
   * @param message - lower case: what was expected and what was got
   */
  constructor(code: ReedSolomonErrorCode, message: string) {
    super(message);
    this.code = code;
    Object.defineProperty(this, BRAND, { value: true });
  }

  override get name(): string {
    return 'ReedSolomonError';
  }
}
