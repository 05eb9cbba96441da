/** Makes up the example request that the OpenAPI document, "Try it out" and the start line show. */
import { ServiceLoadError } from '../errors.ts'
import { maxExampleElements } from '../models/session/load-report.ts'
import type { TensorInfo } from '../models/session/model-session.ts'
import { ModelOutOfMemory } from '../models/session/out-of-memory.ts'
import { allocate, type Dtype } from '../tensor/dtype.ts'
import { encode } from '../tensor/python-json.ts'
import { elementCount, isColumn, isOpen } from '../tensor/shape.ts'
import { Tensor } from '../tensor/tensor.ts'
import type { RowScript, Script } from './script.ts'

/** After this time no further values are tried. */
const trialTimeoutMs = 2000

/** Values to try: different ones first, which show more; then those that most models accept. */
interface Filling {
  /** Integers that are sizes or counts may be invalid as 0, those that are indices may be invalid as 1. */
  readonly integer: 0 | 1
  /** @param index  0 for the first element of the first input, counted through all inputs */
  readonly floatAt: (index: number) => number
}
const fillings: readonly [Filling, ...Filling[]] = [
  { integer: 1, floatAt: index => 0.5 + (index % 5) },
  { integer: 1, floatAt: () => 0 },
  { integer: 0, floatAt: () => 0 },
]

interface Example {
  /** JSON text of the request body. */
  readonly body: string
  /** The script's answer to it; absent when none of the values that were tried could be scored. */
  readonly answer?: { readonly result: unknown }
}

/**
 * Makes up a request of one row and scores it like a caller's.
 *
 * @param knownTexts  texts that the models know, by input
 * @returns undefined when a row is too large to show
 * @throws ServiceLoadError when there is no memory for any of the values that were tried
 */
export async function findExample(
  script: Script,
  knownTexts: ReadonlyMap<string, string>,
): Promise<Example | undefined> {
  if (script.kind !== 'rows') return undefined
  const startedAt = performance.now()
  const bodies = fillings.map(filling => exampleBody(script, filling, knownTexts))
  const failures: unknown[] = []
  for (const body of bodies) {
    if (body === undefined || performance.now() - startedAt > trialTimeoutMs) break
    try {
      return { body, answer: { result: await script.run(script.decode(JSON.parse(body)), {}) } }
    } catch (failure) {
      failures.push(failure) // the model need not accept made-up values
    }
  }
  requireMemory(failures)
  return bodies[0] === undefined ? undefined : { body: bodies[0] }
}

/** A model that cannot score any row must not replace one that can. */
function requireMemory(failures: readonly unknown[]): void {
  const [first, ...others] = failures
  if (!(first instanceof ModelOutOfMemory) || !others.every(other => other instanceof ModelOutOfMemory)) return
  const bytes = first.bytes === undefined ? '' : `: it asks for ${first.bytes} bytes at once`
  throw new ServiceLoadError(`the model needs more memory than there is to score one row${bytes}`, { cause: first })
}

/**
 * Returns a request of one row. Several inputs come by name, as a record if each takes one value per row.
 *
 * @returns JSON text; undefined when a row is too large to show
 */
function exampleBody(
  { inputs, optionalInputs = [] }: RowScript,
  filling: Filling,
  knownTexts: ReadonlyMap<string, string>,
): string | undefined {
  let filled = 0
  const tensors = inputs.map(input => {
    const tensor = exampleTensor(input, filling, { text: knownTexts.get(input.name) ?? '', offset: filled })
    filled += tensor?.data.length ?? 0
    return tensor
  })
  if (tensors.includes(undefined)) return undefined
  const names = inputs.map(({ name }) => name)
  if (inputs.length > 1 && inputs.every(({ shape }) => isColumn(shape))) {
    return encode({ data: [Object.fromEntries(names.map((name, index) => [name, plain(tensors[index] as Tensor)]))] })
  }
  const isAlone = inputs.length === 1 && optionalInputs.length === 0
  return encode({
    data: isAlone ? tensors[0] : Object.fromEntries(inputs.map(({ name }, index) => [name, tensors[index]])),
  })
}

/** Returns the only value as a tensor without axes, so that floats keep their decimal point. */
function plain({ dtype, data }: Tensor): Tensor {
  return new Tensor(dtype, data, [])
}

function exampleTensor(
  { dtype, shape = [] }: TensorInfo,
  filling: Filling,
  { text, offset }: { text: string; offset: number },
): Tensor | undefined {
  const sizes = shape.map(size => (isOpen(size) ? 1 : (size as number)))
  const count = elementCount(sizes)
  if (count > maxExampleElements) return undefined
  const data = allocate(dtype, count)
  for (let index = 0; index < count; index++)
    (data as unknown[])[index] = pickValue(dtype, filling, { text, index: offset + index })
  return new Tensor(dtype, data, sizes)
}

function pickValue(
  dtype: Dtype,
  { integer, floatAt }: Filling,
  { text, index }: { text: string; index: number },
): string | number | bigint {
  if (dtype === 'string') return text
  if (dtype === 'int64' || dtype === 'uint64') return BigInt(integer)
  return dtype.startsWith('float') ? floatAt(index) : integer
}
