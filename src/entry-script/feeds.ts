import type { Feeds, TensorInfo } from '../engine/model-session.ts'
import { InputShapeMismatch, ScoringError } from '../errors.ts'
import { decodeNested } from '../tensor/nested.ts'
import type { Tensor } from '../tensor/tensor.ts'

/**
 * Reads the tensors of a request: `{"data": [[…]]}` when there is one input, `{"data": {"<input>": […]}}` when there are several.
 * Members beside `data` are ignored, as Azure ML does.
 *
 * @param inputs  what the graph, or the script, declares
 * @param optionalInputs  what else may be given by name
 * @throws ScoringError INPUT_MISSING, INPUT_INVALID, INPUT_RAGGED, INPUT_TYPE_MISMATCH, or InputShapeMismatch
 */
export function decodeFeeds(
  parameters: Record<string, unknown>,
  inputs: readonly TensorInfo[],
  optionalInputs: readonly TensorInfo[] = [],
): Feeds {
  const data = member(parameters, 'data')
  if (data === undefined) throw new ScoringError('INPUT_MISSING', "A value is not provided for the 'data' parameter.")
  const [only] = inputs
  if (inputs.length === 1 && only && !isByName(data, only)) {
    return { [only.name]: decodeNested(only.name, only.dtype, only.shape, data) }
  }
  const names = inputs.map(input => `"${input.name}"`).join(', ')
  if (typeof data !== 'object' || data === null || Array.isArray(data)) {
    throw new ScoringError('INPUT_TYPE_MISMATCH', `"data" must be an object with the model's inputs ${names}`)
  }
  const feeds = new Map<string, Tensor>()
  for (const { name, dtype, shape } of inputs) {
    const nested = member(data, name)
    if (nested === undefined) {
      throw new ScoringError('INPUT_MISSING', `"data" lacks the input "${name}"; the model takes ${names}`)
    }
    feeds.set(name, decodeNested(name, dtype, shape, nested))
  }
  for (const { name, dtype, shape } of optionalInputs) {
    const nested = member(data, name)
    if (nested !== undefined) feeds.set(name, decodeNested(name, dtype, shape, nested))
  }
  refuseUnknown(data, feeds, [...inputs, ...optionalInputs])
  checkNamedDimensions(feeds, inputs)
  return Object.fromEntries(feeds)
}

/** A mistyped name of an optional input would be scored without it, and nobody would know. */
function refuseUnknown(data: object, feeds: ReadonlyMap<string, Tensor>, inputs: readonly TensorInfo[]): void {
  const unknown = Object.keys(data).find(name => !feeds.has(name))
  if (unknown === undefined) return
  const takes = inputs.map(({ name }) => `"${name}"`).join(', ')
  throw new ScoringError(
    'INPUT_INVALID',
    `"data" has the member ${JSON.stringify(unknown.slice(0, maxNameLength))}, which is no input; the model takes ${takes}`,
  )
}

/** Characters of a caller's name that a message repeats. */
const maxNameLength = 80

/** A single input may also come under its name, as several do. */
function isByName(data: unknown, input: TensorInfo): data is object {
  return typeof data === 'object' && data !== null && !Array.isArray(data) && Object.hasOwn(data, input.name)
}

/** Own members only: `__proto__` and friends are names like any other. */
function member(object: object, name: string): unknown {
  return Object.hasOwn(object, name) ? (object as Record<string, unknown>)[name] : undefined
}

/** A dimension name that stands in several inputs has one size in a request. */
function checkNamedDimensions(feeds: ReadonlyMap<string, Tensor>, inputs: readonly TensorInfo[]): void {
  const sizes = new Map<string, number>()
  for (const { name, shape } of inputs) {
    const actual = (feeds.get(name) as Tensor).shape
    for (const [axis, dimension] of shape?.entries() ?? []) {
      if (typeof dimension !== 'string') continue
      const size = actual[axis] as number
      const known = sizes.get(dimension) ?? size
      if (known !== size) {
        const expected = (shape ?? []).map((declared, at) => (at === axis ? known : declared))
        throw new InputShapeMismatch(name, expected, actual)
      }
      sizes.set(dimension, size)
    }
  }
}
