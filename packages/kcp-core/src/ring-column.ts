// Rings here are parallel typed arrays whose length is a power of two. This moves one of them into a ring of another size.

/** The numeric typed arrays that rings are made of. */
type Column = Uint8Array | Uint16Array | Uint32Array | Int32Array | Float64Array;

/** Copies `count` entries of a ring from index `from` on to index `to` on of a ring of another size; returns the latter. */
export function moved<T extends Column>(source: T, target: T, from: number, to: number, count: number): T {
  const sourceMask = source.length - 1;
  const targetMask = target.length - 1;
  for (let step = 0; step < count; step++) target[(to + step) & targetMask] = source[(from + step) & sourceMask]!;
  return target;
}
