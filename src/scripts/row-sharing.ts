import type { Feeds, ModelSession, TensorInfo } from '../models/session/model-session.ts'
import type { Tensor } from '../tensor/tensor.ts'

/**
 * Whether rows of several requests may share a call of `run`, and rows of one request may be split over several calls. This
 * needs a proof from the graph, or `batching.rowsAreIndependent` for scripts.
 */
export type RowSharing =
  /** `why` is for the owner; undefined when the owner has chosen it, or there are no rows. */
  | { readonly kind: 'alone'; readonly why: string | undefined }
  | {
      readonly kind: 'shared'
      /** Conditions of the proof on a request; undefined when the owner has declared rows independent. */
      readonly premises?: Premises
      /** Row axes of answers; undefined: the first axis. */
      readonly axes?: RowAxes
    }

/** The row axis of the only tensor, or of each tensor by name. */
export type RowAxes = number | Readonly<Record<string, number>>

interface Premises {
  /** Inputs with rows. A request that sets another input, which has a default in the graph, shares no run. */
  readonly inputs: ReadonlySet<string>
  /** Axes that must have the same size. */
  readonly namedSizes: readonly NamedSize[]
}

/** Axes with the same name in the graph. ONNX Runtime does not check that their sizes agree. */
interface NamedSize {
  readonly dimension: string
  readonly axes: readonly (readonly [input: string, axis: number])[]
}

export function alone(why?: string): RowSharing {
  return { kind: 'alone', why }
}

/**
 * Returns the sharing of a script, which only its owner can know.
 *
 * @param rowsAreIndependent  `batching.rowsAreIndependent` of service.json
 */
export function scriptSharing(what: string, rowsAreIndependent: boolean | undefined): RowSharing {
  if (rowsAreIndependent) return { kind: 'shared' }
  return alone(
    `${what} may combine rows; if each answer depends on its own row only, set "batching": {"rowsAreIndependent": true} in service.json`,
  )
}

/** Returns the sharing of a model, which its graph proves. */
export function modelSharing({ rowProof, inputs, outputs }: ModelSession): RowSharing {
  if (rowProof.kind === 'dependent') return alone(rowProof.reason)
  const premises = { inputs: new Set(rowProof.inputs), namedSizes: collectNamedSizes(inputs) }
  const axes = outputs.map(({ name, list = name }) => [name, rowProof.rowAxes.get(list) ?? 0] as const)
  if (axes.every(([, axis]) => axis === 0)) return { kind: 'shared', premises }
  const [only] = axes
  return { kind: 'shared', premises, axes: axes.length === 1 && only ? only[1] : Object.fromEntries(axes) }
}

/** Whether the rows of this request may share runs, given what `sharing` allows. */
export function mayShare(feeds: Feeds, sharing: RowSharing): boolean {
  if (sharing.kind === 'alone' || !hasEqualRows(feeds)) return false
  const { premises } = sharing
  if (!premises) return true
  for (const name in feeds) if (!premises.inputs.has(name)) return false
  return premises.namedSizes.every(size => distinctSizes(feeds, size).length <= 1)
}

/** Whether all inputs have the same number of rows, at least one. */
export function hasEqualRows(feeds: Feeds): boolean {
  let count: number | undefined
  for (const name in feeds) {
    const rows = (feeds[name] as Tensor).shape[0]
    if (!rows || (count !== undefined && rows !== count)) return false
    count = rows
  }
  return count !== undefined
}

/** Returns the row axes of a member of an answer. */
export function memberAxes(axes: RowAxes | undefined, name: string): RowAxes | undefined {
  return typeof axes === 'object' && Object.hasOwn(axes, name) ? axes[name] : undefined
}

/** Returns the row axis of one output. */
export function findRowAxis(axes: RowAxes | undefined, name: string): number {
  return typeof axes === 'number' ? axes : ((axes && Object.hasOwn(axes, name) ? axes[name] : undefined) ?? 0)
}

/** Finds a named dimension whose sizes differ between tensors. */
export function unlikeSizes(
  feeds: Feeds,
  inputs: readonly TensorInfo[],
): { readonly dimension: string; readonly sizes: readonly number[] } | undefined {
  for (const named of collectNamedSizes(inputs)) {
    const sizes = distinctSizes(feeds, named)
    if (sizes.length > 1) return { dimension: named.dimension, sizes }
  }
  return undefined
}

/** Collects axes with the same name; the first axis of each input is left out, as it holds the rows. */
function collectNamedSizes(inputs: readonly TensorInfo[]): NamedSize[] {
  const byName = new Map<string, [input: string, axis: number][]>()
  for (const { name: input, shape } of inputs) {
    for (const [axis, dimension] of shape?.entries() ?? []) {
      if (axis === 0 || typeof dimension !== 'string') continue
      byName.set(dimension, [...(byName.get(dimension) ?? []), [input, axis]])
    }
  }
  return [...byName].filter(([, axes]) => axes.length > 1).map(([dimension, axes]) => ({ dimension, axes }))
}

function distinctSizes(feeds: Feeds, { axes }: NamedSize): number[] {
  return [...new Set(axes.flatMap(([input, axis]) => feeds[input]?.shape[axis] ?? []))]
}
