import type { Feeds, ModelSession, TensorInfo } from '../engine/model-session.ts'
import type { Tensor } from '../tensor/tensor.ts'

/**
 * Whether rows of several requests may be in one call of `run`, and rows of one request in several. Only what is proven
 * from the graph, or what the owner of a script says of it, lets them.
 */
export type RowSharing =
  /** `why`, for the owner; undefined: the owner wants it so, or there are no rows. */
  | { readonly kind: 'alone'; readonly why: string | undefined }
  | {
      readonly kind: 'shared'
      /** What the proof takes for granted of a request; undefined: nothing is proven, its owner answers for it. */
      readonly premises?: Premises
      /** Where answers have their rows; undefined: on the first axis. */
      readonly axes?: RowAxes
    }

/** The axis of the rows: of the only tensor, or of those that have a name. */
export type RowAxes = number | Readonly<Record<string, number>>

interface Premises {
  /** Those that have rows. A request that gives a value for another, which has a default in the graph, runs alone. */
  readonly inputs: ReadonlySet<string>
  /** What the proof takes to be of one size. */
  readonly namedSizes: readonly NamedSize[]
}

/** Axes that the graph gives one name. ONNX Runtime lets their sizes differ. */
interface NamedSize {
  readonly dimension: string
  readonly axes: readonly (readonly [input: string, axis: number])[]
}

/** `batching.rowsAreIndependent` of service.json: what the owner says of scripts that see rows; undefined: nothing. */
export type OwnersWord = boolean | undefined

export function alone(why?: string): RowSharing {
  return { kind: 'alone', why }
}

/** Nobody can read from a script what it does with rows that it gets together. */
export function scriptSharing(what: string, word: OwnersWord): RowSharing {
  if (word) return { kind: 'shared' }
  return alone(
    `${what} may look at several rows at once; if every answer depends on its own row only, "batching": {"rowsAreIndependent": true} in service.json says so`,
  )
}

/** A model as it is, by what its graph proves. */
export function modelSharing({ rowProof, inputs, outputs }: ModelSession): RowSharing {
  if (rowProof.kind === 'dependent') return alone(rowProof.reason)
  const premises = { inputs: new Set(rowProof.inputs), namedSizes: collectNamedSizes(inputs) }
  const axes = outputs.map(({ name, list = name }) => [name, rowProof.rowAxes.get(list) ?? 0] as const)
  if (axes.every(([, axis]) => axis === 0)) return { kind: 'shared', premises }
  const [only] = axes
  return { kind: 'shared', premises, axes: axes.length === 1 && only ? only[1] : Object.fromEntries(axes) }
}

/** Rows of a request may be in a run with those of others, or in several runs, where `sharing` lets them at all. */
export function mayShare(feeds: Feeds, sharing: RowSharing): boolean {
  if (sharing.kind === 'alone' || !hasEqualRows(feeds)) return false
  const { premises } = sharing
  if (!premises) return true
  for (const name in feeds) if (!premises.inputs.has(name)) return false
  return premises.namedSizes.every(size => distinctSizes(feeds, size).length <= 1)
}

/** Every input has the same number of rows, one at least: where they differ, no rows belong together. */
export function hasEqualRows(feeds: Feeds): boolean {
  let count: number | undefined
  for (const name in feeds) {
    const rows = (feeds[name] as Tensor).shape[0]
    if (!rows || (count !== undefined && rows !== count)) return false
    count = rows
  }
  return count !== undefined
}

/** Where a member of an answer has its rows. */
export function memberAxes(axes: RowAxes | undefined, name: string): RowAxes | undefined {
  return typeof axes === 'object' && Object.hasOwn(axes, name) ? axes[name] : undefined
}

/** Where one output has its rows. */
export function findRowAxis(axes: RowAxes | undefined, name: string): number {
  return typeof axes === 'number' ? axes : ((axes && Object.hasOwn(axes, name) ? axes[name] : undefined) ?? 0)
}

/** What the graph gives one name and the tensors have in several sizes; undefined: there is none. */
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

/** First axes are left out: they are those of the rows. */
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
