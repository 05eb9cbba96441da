/** Makes up the example request that the OpenAPI document, "Try it out" and the start line show. */
import { maxExampleElements } from '../models/session/load-report.ts'
import type { TensorInfo } from '../models/session/model-session.ts'
import { allocate, type Dtype } from '../tensor/dtype.ts'
import { encode } from '../tensor/python-json.ts'
import { elementCount, isColumn, isOpen } from '../tensor/shape.ts'
import { Tensor } from '../tensor/tensor.ts'
import type { RowScript, Script } from './script.ts'

/** After this time no further values are tried. */
const trialTimeoutMs = 2000

/** Integers that are sizes or counts may be invalid as 0, those that are indices may be invalid as 1. */
const fillings = [1, 0] as const

interface Example {
  /** JSON text of the request body. */
  readonly body: string
  /** The script's answer to it; absent when none of the values that were tried could be scored. */
  readonly answer?: { readonly result: unknown }
}

/**
 * Makes up a request of one row and scores it like a caller's.
 *
 * @returns undefined when a row is too large to show
 */
export async function findExample(script: Script): Promise<Example | undefined> {
  if (script.kind !== 'rows') return undefined
  const bodies = fillings.map(integers => exampleBody(script, integers))
  const startedAt = performance.now()
  for (const body of bodies) {
    if (body === undefined || performance.now() - startedAt > trialTimeoutMs) break
    try {
      return { body, answer: { result: await script.run(script.decode(JSON.parse(body)), {}) } }
    } catch {
      // The model need not accept made-up values.
    }
  }
  return bodies[0] === undefined ? undefined : { body: bodies[0] }
}

/**
 * Returns a request of one row with zeros, empty texts and the given integers. Several inputs come by name, as a record if
 * each takes one value per row.
 *
 * @returns JSON text; undefined when a row is too large to show
 */
function exampleBody({ inputs, optionalInputs = [] }: RowScript, integers: 0 | 1): string | undefined {
  const tensors = inputs.map(input => exampleTensor(input, integers))
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

function exampleTensor({ dtype, shape = [] }: TensorInfo, integers: 0 | 1): Tensor | undefined {
  const sizes = shape.map(size => (isOpen(size) ? 1 : (size as number)))
  const count = elementCount(sizes)
  if (count > maxExampleElements) return undefined
  const data = allocate(dtype, count)
  data.fill(pickFilling(dtype, integers) as never)
  return new Tensor(dtype, data, sizes)
}

function pickFilling(dtype: Dtype, integers: 0 | 1): string | number | bigint {
  if (dtype === 'string') return ''
  if (dtype === 'int64' || dtype === 'uint64') return BigInt(integers)
  return dtype.startsWith('float') ? 0 : integers
}
