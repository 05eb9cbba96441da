/** Sizes of a tensor's dimensions, outermost first; `[]` is a scalar. */
export type Shape = readonly number[]

/** A dimension as a graph declares it: a size, or the name of a dimension that may have any size (ONNX `dim_param`). */
export type DeclaredShape = readonly (number | string)[]

export function elementCount(shape: Shape): number {
  return shape.reduce((product, size) => product * size, 1)
}

/**
 * Whether a tensor of this shape may be fed where that one is declared.
 *
 * @param declared  undefined: the graph declares none, so that only its run can tell
 */
export function fits(shape: Shape, declared: DeclaredShape | undefined): boolean {
  return (
    declared === undefined ||
    (shape.length === declared.length && declared.every((size, axis) => isOpen(size) || size === shape[axis]))
  )
}

/** Whether a dimension may have any size. */
export function isOpen(size: number | string): boolean {
  return typeof size === 'string' || size < 0
}

/** Whether the shape has one row per entry on its first axis, which is open. */
export function hasRowAxis(declared: DeclaredShape | undefined): boolean {
  const first = declared?.[0]
  return first !== undefined && isOpen(first)
}

/** Whether tensors of both shapes can share a batch: all but their first dimension agree. */
export function isSameRowShape(one: Shape, other: Shape): boolean {
  return one.length === other.length && one.every((size, axis) => axis === 0 || size === other[axis])
}

/** Whether the first dimension is that of the rows, of which there may have to be just one. */
export function isByRow(declared: DeclaredShape | undefined): boolean {
  return hasRowAxis(declared) || declared?.[0] === 1
}

/** Whether each row has one value: [n] or [n, 1]. */
export function isColumn(declared: DeclaredShape | undefined): boolean {
  return isByRow(declared) && (declared?.length === 1 || (declared?.length === 2 && declared[1] === 1))
}
