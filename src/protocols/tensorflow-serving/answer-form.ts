import { ScoringError, showName } from '../../errors.ts'
import type { TensorCall } from '../../scheduling/inference-request.ts'
import { isSameModel } from '../grpc/method.ts'
import type { PredictRequest } from './predict-request.ts'

/** What a `PredictRequest` says of its answer. */
export interface AnswerForm {
  /** The model as the caller named it, else its name. */
  readonly model: string
  /** Whether the caller named it: those of the first FPGA services do not. */
  readonly isNamed: boolean
  readonly version: string
  /** The outputs that are asked for; empty: all. */
  readonly outputFilter: ReadonlySet<string>
}

/** @throws ScoringError INPUT_INVALID or SERVICE_UNKNOWN when the message means another model than the one that was found for it */
export function readForm({ spec, outputFilter }: PredictRequest, call: TensorCall): AnswerForm {
  const { model, version, isRouted = false } = call
  refuseOtherModel(spec.check(), call)
  const name = isRouted ? '' : spec.name
  return { model: name || (model ?? ''), isNamed: isRouted || name !== '', version, outputFilter }
}

/** A route header goes before the name in the message; without it, nobody may get the answer of another model than the named one. */
function refuseOtherModel({ name, version }: PredictRequest['spec'], call: TensorCall): void {
  if (!call.isRouted && !isSameModel(name, call.model)) {
    throw new ScoringError(
      'INPUT_INVALID',
      `model_spec.name is ${showName(name)}, but it does not come first in the message, so that another service was called; write model_spec first, as protobuf's own libraries do`,
    )
  }
  if (version !== undefined && version !== call.version) {
    const what = `Request for unknown model: '${call.model}' version ${version} is not found`
    throw new ScoringError('SERVICE_UNKNOWN', `${what}; version ${call.version} is served`)
  }
}
