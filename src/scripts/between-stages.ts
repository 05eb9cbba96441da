/** What passes from one stage of a pipeline to the next. */

import { ScoringError, ServiceLoadError } from '../errors.ts'
import type { Feeds, TensorInfo } from '../models/session/model-session.ts'
import { isOpen } from '../tensor/shape.ts'
import { Tensor } from '../tensor/tensor.ts'
import { describeUnequalRows } from './row-feeds.ts'
import { type RowSharing, unlikeSizes } from './row-sharing.ts'
import type { Stage } from './stage.ts'

/**
 * Checks that the outputs of each model suit the next one, before any of them runs.
 *
 * @throws ServiceLoadError naming both stages
 */
export function checkStages(stages: readonly Stage[]): void {
  for (const [index, stage] of stages.entries()) {
    const before = stages[index - 1]
    if (!before?.outputs || !stage.inputs) continue
    const given = Object.fromEntries(before.outputs.map(output => [output.name, output]))
    const fault = matched(before.name, given, stage).fault
    if (fault !== undefined) throw new ServiceLoadError(fault)
  }
}

/**
 * Passes the output of a stage to the next one: a single tensor to a single input whatever its name, several by name.
 *
 * @throws ScoringError STAGE_MISMATCH naming both stages
 */
export function feedsBetween(from: string, result: unknown, to: Pick<Stage, 'name' | 'inputs'>): Feeds {
  const given = result instanceof Tensor ? { data: result } : result
  if (!isTensors(given)) {
    throw stageMismatch(`stage "${from}" must return a Tensor or an object of Tensors for stage "${to.name}"`)
  }
  if (to.inputs === undefined) return given
  const { taken, fault } = matched(from, given, to)
  if (fault !== undefined) throw stageMismatch(fault)
  return taken
}

/** A tensor or its description. */
type Shaped = Pick<TensorInfo, 'dtype' | 'shape'>

function matched<Given extends Shaped>(
  from: string,
  given: Readonly<Record<string, Given>>,
  to: Pick<Stage, 'name' | 'inputs'>,
): { readonly taken: Record<string, Given>; readonly fault?: string } {
  const inputs = to.inputs ?? []
  const [only, ...others] = Object.keys(given)
  const isOneToOne = inputs.length === 1 && only !== undefined && others.length === 0
  const taken = new Map<string, Given>()
  const done = () => Object.fromEntries(taken)
  for (const input of inputs) {
    const tensor = isOneToOne ? given[only] : Object.hasOwn(given, input.name) ? given[input.name] : undefined
    if (!tensor) {
      const returned =
        Object.keys(given)
          .map(each => `"${each}"`)
          .join(', ') || 'nothing'
      return { taken: done(), fault: `stage "${to.name}" takes "${input.name}", stage "${from}" returns ${returned}` }
    }
    if (!suits(tensor, input)) {
      const fault = `stage "${to.name}" takes "${input.name}" as ${describeType(input)}, stage "${from}" returns ${describeType(tensor)}`
      return { taken: done(), fault }
    }
    taken.set(input.name, tensor)
  }
  return { taken: done() }
}

/** Whether type and sizes match, except for the number of rows, which may be split into slices. */
function suits(given: Shaped, taken: Shaped): boolean {
  if (given.dtype !== taken.dtype) return false
  const { shape } = given
  if (!shape || !taken.shape) return true
  return (
    shape.length === taken.shape.length &&
    taken.shape.every((size, axis) => {
      const other = shape[axis] as number | string
      return axis === 0 || isOpen(size) || isOpen(other) || size === other
    })
  )
}

function describeType({ dtype, shape }: Shaped): string {
  return shape ? `${dtype}[${shape.join(', ')}]` : dtype
}

function isTensors(value: unknown): value is Feeds {
  return typeof value === 'object' && value !== null && Object.values(value).every(each => each instanceof Tensor)
}

export function feedsByRule(sharing: RowSharing): typeof feedsBetween {
  return sharing.kind === 'shared' ? sharedFeedsBetween : feedsBetween
}

/**
 * Passes on rows that may belong to several requests. The proof of a model requires that all its inputs have the same number
 * of rows, and that each named dimension has one size; ONNX Runtime checks neither.
 *
 * @throws ScoringError STAGE_MISMATCH naming both stages
 */
function sharedFeedsBetween(from: string, result: unknown, to: Pick<Stage, 'name' | 'inputs'>): Feeds {
  const feeds = feedsBetween(from, result, to)
  if (!to.inputs) return feeds
  const rows = describeUnequalRows(feeds, to.inputs)
  if (rows !== undefined) {
    const rule = `stage "${to.name}" takes the same number of rows for each input, because requests share its runs`
    throw stageMismatch(`${rule}; in the output of stage "${from}", ${rows}`)
  }
  const unlike = unlikeSizes(feeds, to.inputs)
  if (!unlike) return feeds
  const { dimension, sizes } = unlike
  throw stageMismatch(
    `stage "${to.name}" takes one size for "${dimension}", stage "${from}" returns ${sizes.join(' and ')}`,
  )
}

export function stageMismatch(message: string): ScoringError {
  return new ScoringError('STAGE_MISMATCH', message)
}
