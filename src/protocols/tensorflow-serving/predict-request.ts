import { ScoringError } from '../../errors.ts'
import { MessageReader } from '../grpc/message-reader.ts'
import { ModelSpec } from './model-spec.ts'
import { TensorMessage } from './tensor-message.ts'

/** A `PredictRequest` (tensorflow_serving/apis/predict.proto), whose tensors are not read yet. */
export interface PredictRequest {
  readonly spec: ModelSpec
  readonly inputs: ReadonlyMap<string, TensorMessage>
  /** The outputs that are asked for; empty: all. */
  readonly outputFilter: ReadonlySet<string>
}

/** More than any model has; a name takes a few bytes of a message, and a hundred in memory. */
const maxNames = 10_000

/** @throws ScoringError INPUT_INVALID */
export function readPredictRequest(message: Uint8Array): PredictRequest {
  const spec = new ModelSpec()
  const inputs = new Map<string, TensorMessage>()
  const outputFilter = new Set<string>()
  const reader = new MessageReader(message, 'PredictRequest')
  while (reader.next()) {
    if (reader.field === 1) spec.add(reader.message('ModelSpec'))
    else if (reader.field === 2) readInput(reader.message('PredictRequest.InputsEntry'), inputs)
    else if (reader.field === 3) outputFilter.add(reader.text())
    else reader.skip()
    if (inputs.size > maxNames || outputFilter.size > maxNames)
      throw new ScoringError('INPUT_INVALID', `the request names more than ${maxNames} inputs or outputs`)
  }
  return { spec, inputs, outputFilter }
}

/** Reads an entry of the map; of two with the same name the last one counts. */
function readInput(reader: MessageReader, inputs: Map<string, TensorMessage>): void {
  let name = ''
  const tensor = new TensorMessage()
  while (reader.next()) {
    if (reader.field === 1) name = reader.text()
    else if (reader.field === 2) tensor.add(reader.bytes())
    else reader.skip()
  }
  inputs.set(name, tensor)
}
