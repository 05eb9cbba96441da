import { showName } from '../../errors.ts'
import { refuseTensors } from '../../models/session/load-report.ts'
import type { Feeds } from '../../models/session/model-session.ts'
import type { InferenceRequest, TensorCall } from '../../scheduling/inference-request.ts'
import type { RowScript } from '../../scripts/script.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { readAnswerTensors } from '../../workers/runtime/answer-tensors.ts'
import type { Codec, DecodedFeeds, RunOutput } from '../../workers/runtime/codec.ts'
import type { LoadedService } from '../../workers/runtime/load-service.ts'
import { checkNamedInputs } from '../../workers/runtime/named-inputs.ts'
import { MessageWriter } from '../grpc/message-writer.ts'
import { frame, isSameModel } from '../grpc/method.ts'
import { encodeDatatype } from './datatypes.ts'
import { type InferMessage, readInferMessage } from './infer-message.ts'
import { invalidInput } from './invalid-input.ts'
import { countRawBytes, decodeRawTensor, writeRawTensor } from './raw-tensor.ts'
import { type RequestedOutputs, selectOutputs } from './select-outputs.ts'

/** Reads and writes tensors as V2 has them over gRPC. */
export const openInferenceGrpcCodec: Codec = {
  mediaTypes: () => [],
  decodeByScript: () => undefined,
  decodeRows,
  decodeWhole: refuseTensors,
  encode: (result, service, form) => encodeAnswer(result, service, form as AnswerForm),
}

/** What a request says of its answer. */
interface AnswerForm extends RequestedOutputs {
  readonly message: Pick<InferMessage, 'id' | 'wantsFinalMark'>
  readonly call: TensorCall
}

function decodeRows({ body, details }: InferenceRequest, script: RowScript): DecodedFeeds {
  const call = details?.tensorCall as TensorCall
  const message = readInferMessage(body)
  checkModel(message, call)
  const { id, wantsFinalMark, outputs } = message
  const form: AnswerForm = {
    message: { id, wantsFinalMark },
    call,
    outputs: outputs.length === 0 ? undefined : outputs,
    hasRows: script.hasRowAxis,
  }
  return { feeds: checkNamedInputs(readTensors(message), script), form }
}

/** Nobody gets the answer of another model than they asked for. @throws ScoringError INPUT_INVALID */
function checkModel({ model, version }: InferMessage, call: TensorCall): void {
  if (isSameModel(model, call.model) && (version === '' || version === call.version)) return
  const named = version === '' ? showName(model) : `${showName(model)} version ${showName(version)}`
  throw invalidInput(
    `The message names the model ${named}, but went to ${showName(call.model ?? '')} version ${showName(call.version)}: model_name and model_version have to be its first fields.`,
  )
}

function readTensors({ inputs, raw }: InferMessage): Feeds {
  if (raw.length > 0 && raw.length !== inputs.length)
    throw invalidInput(`there are ${raw.length} raw_input_contents for ${inputs.length} inputs; send one for each`)
  const tensors = new Map<string, Tensor>()
  for (const [index, { contents, ...head }] of inputs.entries()) {
    const bytes = raw[index]
    if (tensors.has(head.name)) throw invalidInput(`input ${showName(head.name)} is there twice`)
    if (bytes && contents)
      throw invalidInput(`input ${showName(head.name)} has both contents and raw_input_contents; send one of them`)
    if (!bytes && !contents)
      throw invalidInput(`input ${showName(head.name)} has neither contents nor raw_input_contents`)
    tensors.set(
      head.name,
      bytes ? decodeRawTensor(head, bytes) : (contents as NonNullable<typeof contents>).decode(head),
    )
  }
  return Object.fromEntries(tensors)
}

/** `ModelInferResponse`, with its prefix; in a stream within a `ModelStreamInferResponse`. */
function encodeAnswer(result: unknown, { outputs: declared }: LoadedService, form: AnswerForm): RunOutput {
  const { call, message } = form
  const outputs = selectOutputs(readAnswerTensors(result, declared), form)
  const answer = new MessageWriter().text(1, call.model ?? '').text(2, call.version)
  if (message.id !== '') answer.text(3, message.id)
  if (message.wantsFinalMark) answer.message(4, encodeFlag('triton_final_response', true))
  for (const { name, tensor } of outputs) {
    const { dtype, shape } = tensor
    answer.message(5, new MessageWriter().text(1, name).text(2, encodeDatatype(dtype)).integers(3, shape))
  }
  for (const { tensor } of outputs) answer.content(6, countRawBytes(tensor), target => writeRawTensor(tensor, target))
  const whole = call.isStreamed ? new MessageWriter().message(2, answer) : answer
  return { kind: 'bytes', body: frame(whole), textBytes: 0 }
}

/** An entry of a map of `InferParameter`. */
function encodeFlag(name: string, value: boolean): MessageWriter {
  return new MessageWriter().text(1, name).message(2, new MessageWriter().bool(1, value))
}
