/** A request to begin with: it stands in the OpenAPI document, is what "Try it out" sends, and the line that a start prints. */

import { maxExampleElements } from '../models/session/load-report.ts'
import type { TensorInfo } from '../models/session/model-session.ts'
import { allocate, type Dtype } from '../tensor/dtype.ts'
import { encode } from '../tensor/python-json.ts'
import { elementCount, isColumn, isOpen } from '../tensor/shape.ts'
import { Tensor } from '../tensor/tensor.ts'
import type { RowScript, Script } from './script.ts'

/** Milliseconds after which no other values are tried. */
const patienceMs = 2000

/** Integers that mean a size or a number of things are no good as 0, those that are an index may be no good as 1. */
const fillings = [1, 0] as const

interface Example {
  /** JSON text of the request body. */
  readonly body: string
  /** What the script answers to it; absent: nothing that was tried could be scored, and the body only shows the form. */
  readonly answer?: { readonly result: unknown }
}

/**
 * Makes up a request of one row and has it scored, as a caller's would be.
 *
 * @returns undefined when a row is too large to be shown
 */
export async function findExample(script: Script): Promise<Example | undefined> {
  if (script.kind !== 'rows') return undefined
  const bodies = fillings.map(integers => exampleBody(script, integers))
  const startedAt = performance.now()
  for (const body of bodies) {
    if (body === undefined || performance.now() - startedAt > patienceMs) break
    try {
      return { body, answer: { result: await script.run(script.decode(JSON.parse(body)), {}) } }
    } catch {
      // Made-up values need not suit the model.
    }
  }
  return bodies[0] === undefined ? undefined : { body: bodies[0] }
}

/**
 * A request of one row: zeros, empty texts, and integers as wished. By name where there is more than one input to give: a record
 * where each takes one value a row.
 *
 * @returns JSON text; undefined when a row is too large to be shown
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

/** The only value, as it is written in a tensor: floats with a point. */
function plain({ dtype, data }: Tensor): Tensor {
  return new Tensor(dtype, data, [])
}

function exampleTensor({ dtype, shape = [] }: TensorInfo, integers: 0 | 1): Tensor | undefined {
  const sizes = shape.map(size => (isOpen(size) ? 1 : (size as number)))
  const count = elementCount(sizes)
  if (count > maxExampleElements) return undefined
  const data = allocate(dtype, count)
  data.fill(fillingOf(dtype, integers) as never)
  return new Tensor(dtype, data, sizes)
}

function fillingOf(dtype: Dtype, integers: 0 | 1): string | number | bigint {
  if (dtype === 'string') return ''
  if (dtype === 'int64' || dtype === 'uint64') return BigInt(integers)
  return dtype.startsWith('float') ? 0 : integers
}
