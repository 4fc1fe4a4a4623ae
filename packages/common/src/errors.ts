// Errors of all packages: one class a package, told apart by a stable `code`. Two installed copies of a package still
// recognise each other's errors, because the brand is a registered symbol and not the class.

const BRAND = Symbol.for('kcptun.error');

/** The base of every error that a package of this project makes. Match on `code`, not on the message. */
export class KcptunError extends Error {
  /** Stable, machine-readable reason, for example `KCPTUN_ERR_SMUX_INVALID_PROTOCOL`. */
  readonly code: string;

  /**
   * @param code - stable reason, `KCPTUN_ERR_<PACKAGE>_<REASON>`
   * @param message - lower case: what was expected and what was got; never a key or payload
   * @param options - `cause`: the error that led here
   */
  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    Object.defineProperty(this, BRAND, { value: true });
  }

  override get name(): string {
    return this.constructor.name;
  }
}

/**
 * Tells whether a value is an error of this project, also one made by another installed copy of it.
 * @param value - anything that was caught
 * @param code - when given, the code must be equal too
 */
export function isKcptunError(value: unknown, code?: string): value is KcptunError {
  if (typeof value !== 'object' || value === null || !(BRAND in value)) return false;
  return code === undefined || (value as unknown as KcptunError).code === code;
}
