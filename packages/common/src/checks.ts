// Argument checks for public entry points. The success path comes first and allocates nothing; a programmer's mistake
// throws a TypeError or RangeError that names the argument. Never used for what a peer sent.

/**
 * Checks that `value` is an integer within `[min, max]`.
 * @throws {TypeError} when it is no integer
 * @throws {RangeError} when it is out of range
 */
export function checkInteger(value: number, name: string, min: number, max: number): number {
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  if (!Number.isInteger(value)) throw new TypeError(`${name} must be an integer, got ${String(value)}`);
  throw new RangeError(`${name} must be between ${min} and ${max}, got ${value}`);
}

/**
 * Checks that `value` is a Uint8Array, of `length` bytes when a length is given.
 * @throws {TypeError} when it is something else
 * @throws {RangeError} when the length differs
 */
export function checkBytes(value: Uint8Array, name: string, length?: number): Uint8Array {
  if (!(value instanceof Uint8Array)) throw new TypeError(`${name} must be a Uint8Array`);
  if (length !== undefined && value.length !== length) {
    throw new RangeError(`${name} must have ${length} bytes, got ${value.length}`);
  }
  return value;
}
