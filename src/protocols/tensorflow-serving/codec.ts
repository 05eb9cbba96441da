/** `PredictRequest` and `PredictResponse` of TensorFlow Serving, read and written inside the workers. */
import { InputShapeMismatch, NoRows, ScoringError } from '../../errors.ts'
import { refuseTensors } from '../../models/session/load-report.ts'
import type { Feeds } from '../../models/session/model-session.ts'
import type { InferenceRequest, TensorCall } from '../../scheduling/inference-request.ts'
import type { RowScript } from '../../scripts/script.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { readAnswerTensors } from '../../workers/runtime/answer-tensors.ts'
import type { Codec, DecodedFeeds, RunOutput } from '../../workers/runtime/codec.ts'
import type { LoadedService } from '../../workers/runtime/load-service.ts'
import { checkInputNames, checkNamedInputs } from '../../workers/runtime/named-inputs.ts'
import { MessageWriter } from '../grpc/message-writer.ts'
import { frame } from '../grpc/method.ts'
import { type AnswerForm, readForm } from './answer-form.ts'
import { dataTypeFor } from './data-types.ts'
import { decodeFiles } from './files.ts'
import { findInputs } from './input-names.ts'
import { writeModelSpec } from './model-spec.ts'
import { chooseOutputs } from './output-names.ts'
import { type PredictRequest, readPredictRequest } from './predict-request.ts'
import { readTensor, readTexts } from './read-tensor.ts'
import type { TensorMessage } from './tensor-message.ts'
import { writeTensor } from './write-tensor.ts'

/** Reads and writes tensors as `Predict` has them. */
export const tensorflowServingCodec: Codec = {
  mediaTypes: () => [],
  decodeByScript,
  decodeRows,
  decodeWhole: refuseTensors,
  encode,
}

/** A DT_STRING tensor holds files for a script that decodes such, unless its input is text. */
function decodeByScript(request: InferenceRequest, script: RowScript): (() => Promise<DecodedFeeds>) | undefined {
  const { customContentTypes, inputs } = script
  if (!customContentTypes || inputs.some(({ dtype }) => dtype === 'string')) return undefined
  const read = readOrUndefined(request.body)
  const [only] = read?.inputs ?? []
  if (!read || !only || read.inputs.size !== 1 || only[1].dataType !== dataTypeFor('string').number) return undefined
  return async () => ({
    form: readForm(read, request.details?.tensorCall as TensorCall),
    feeds: await decodeFiles(only[0], readFiles(...only), { ...script, customContentTypes }),
  })
}

/** @returns undefined for a malformed message, which `decodeRows` refuses */
function readOrUndefined(message: Uint8Array): PredictRequest | undefined {
  try {
    return readPredictRequest(message)
  } catch {
    return undefined
  }
}

/** The most files of one request: each takes time to decode, and nobody waits for all of them once the deadline has passed. */
const maxFiles = 1000

/** @throws InputShapeMismatch, NoRows or ScoringError TOO_MANY_ROWS */
function readFiles(input: string, message: TensorMessage): Uint8Array[] {
  const shape = message.readShape(input)
  const [count] = shape
  // The last value fills no rest here: a file that was forgotten would get the answer of another one.
  if (
    count === undefined ||
    shape.length > 1 ||
    (message.content.length === 0 && message.count('string_val') !== count)
  )
    throw new InputShapeMismatch(input, [message.count('string_val')], shape)
  if (count === 0) throw new NoRows(input)
  if (count > maxFiles) {
    const what = `input ${JSON.stringify(input)} has ${count} files, a request may have ${maxFiles}`
    throw new ScoringError('TOO_MANY_ROWS', `${what}; send fewer at a time`)
  }
  return [...readTexts(input, message, shape)]
}

function decodeRows({ body, details }: InferenceRequest, script: RowScript): DecodedFeeds {
  const request = readPredictRequest(body)
  const form = readForm(request, details?.tensorCall as TensorCall)
  const messages = findInputs(request.inputs, script)
  checkInputNames([...messages.keys()], script) // before anything is allocated for one that nobody takes
  const tensors = new Map<string, Tensor>()
  for (const [name, message] of messages) tensors.set(name, readTensor(name, message))
  return { feeds: checkNamedInputs(Object.fromEntries(tensors) as Feeds, script), form }
}

function encode(result: unknown, service: LoadedService, form: unknown): RunOutput {
  const { outputs, tensorflowServing } = service
  const answer = form as AnswerForm
  const chosen = chooseOutputs(readAnswerTensors(result, outputs), tensorflowServing.outputs, answer)
  const written = new Map(chosen.map(([, tensor]) => [tensor, writeTensor(tensor)]))
  const response = new MessageWriter()
  for (const [name, tensor] of chosen)
    response.message(1, new MessageWriter().text(1, name).message(2, written.get(tensor) as MessageWriter))
  response.message(2, writeModelSpec({ name: answer.model, version: answer.version }))
  return { kind: 'bytes', body: frame(response), textBytes: 0 }
}
