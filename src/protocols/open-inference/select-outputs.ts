import { showName } from '../../errors.ts'
import type { Feeds } from '../../models/session/model-session.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { classify } from './classification.ts'
import { invalidInput } from './invalid-input.ts'

/** What a request says of the outputs that it wants. */
export interface RequestedOutputs<Requested extends RequestedOutput = RequestedOutput> {
  /** In this order; undefined: all. */
  readonly outputs: readonly Requested[] | undefined
  /** The first axis of tensors is that of the rows. */
  readonly hasRows: boolean
}

/** An output that a request names. */
export interface RequestedOutput {
  readonly name: string
  /** How many of the best classes to give instead of the scores. */
  readonly classCount?: number | undefined
}

/** @throws ScoringError INPUT_INVALID when the request asks for an output that there is not */
export function selectOutputs<Requested extends RequestedOutput>(
  tensors: Feeds,
  { outputs, hasRows }: RequestedOutputs<Requested>,
): { readonly name: string; readonly tensor: Tensor; readonly requested: Requested | undefined }[] {
  if (!outputs) return Object.entries(tensors).map(([name, tensor]) => ({ name, tensor, requested: undefined }))
  return outputs.map(requested => {
    const { name, classCount } = requested
    const tensor = Object.hasOwn(tensors, name) ? tensors[name] : undefined
    if (!tensor) {
      const known = Object.keys(tensors).map(each => JSON.stringify(each))
      const what = `there is no output ${showName(name)}; the service gives ${known.join(', ')}`
      throw invalidInput(what)
    }
    return { name, requested, tensor: classCount === undefined ? tensor : classify(name, tensor, hasRows, classCount) }
  })
}
