/** Infer requests of the Open Inference Protocol V2 over REST, read and written inside the workers. */

import { refuseTensors } from '../../models/session/load-report.ts'
import { encode } from '../../tensor/python-json.ts'
import { encodeString, type NonFinite } from '../../tensor/python-json-elements.ts'
import { Tensor } from '../../tensor/tensor.ts'
import { readAnswerTensors } from '../../workers/runtime/answer-tensors.ts'
import type { Codec, RunOutput } from '../../workers/runtime/codec.ts'
import type { LoadedService } from '../../workers/runtime/load-service.ts'
import { encodeDatatype } from './datatypes.ts'
import { type AnswerForm, decodeInferRequest } from './infer-request.ts'
import { countRawBytes, writeRawTensor } from './raw-tensor.ts'
import { selectOutputs } from './select-outputs.ts'

/** Reads and writes tensors as V2 has them over REST. */
export const openInferenceCodec: Codec = {
  mediaTypes: () => [],
  decodeByScript: () => undefined,
  decodeRows: decodeInferRequest,
  decodeWhole: refuseTensors,
  encode: (result, service, form) => encodeAnswer(result, service, form as AnswerForm),
}

interface AnsweredOutput {
  readonly name: string
  readonly tensor: Tensor
  readonly isBinary: boolean
}

/** JSON; with the bytes of tensors behind it where the request asks for those. */
function encodeAnswer(
  result: unknown,
  { outputs: declared, response: { nonFinite } }: LoadedService,
  form: AnswerForm,
): RunOutput {
  const outputs = selectOutputs(readAnswerTensors(result, declared), form).map(({ requested, ...output }) => ({
    ...output,
    isBinary: requested?.isBinary ?? form.isBinary,
  }))
  const { id, call } = form
  const head = `${id === undefined ? '' : `"id": ${encodeString(id)}, `}"model_name": ${encode(call.model)}, "model_version": ${encodeString(call.version)}`
  const text = `{${head}, "outputs": [${outputs.map(output => describeOutput(output, nonFinite)).join(', ')}]}`
  const binary = outputs.filter(({ isBinary }) => isBinary)
  return binary.length === 0 ? { kind: 'encoded', body: text } : join(text, binary)
}

/** JSON as `encode` writes objects. */
function describeOutput({ name, tensor, isBinary }: AnsweredOutput, nonFinite: NonFinite): string {
  const { dtype, data, shape } = tensor
  const head = `"name": ${encodeString(name)}, "shape": [${shape.join(', ')}], "datatype": "${encodeDatatype(dtype)}"`
  if (isBinary) return `{${head}, "parameters": {"binary_data_size": ${countRawBytes(tensor)}}}`
  return `{${head}, "data": ${encode(new Tensor(dtype, data, [data.length]), nonFinite)}}`
}

/** Bytes begin at a multiple of this, so that clients can read numbers of any size in place. */
const alignment = 8

/** One buffer of exactly the size that it needs: the JSON, spaces, then the tensors. */
function join(text: string, outputs: readonly AnsweredOutput[]): RunOutput {
  const textBytes = Math.ceil(text.length / alignment) * alignment // the JSON is ASCII
  const sizes = outputs.map(({ tensor }) => countRawBytes(tensor))
  const body = Buffer.allocUnsafeSlow(sizes.reduce((sum, size) => sum + size, textBytes))
  body.write(text.padEnd(textBytes), 'latin1')
  let offset = textBytes
  for (const [index, { tensor }] of outputs.entries()) {
    const end = offset + (sizes[index] as number)
    writeRawTensor(tensor, body.subarray(offset, end))
    offset = end
  }
  return { kind: 'bytes', body: new Uint8Array(body.buffer), textBytes }
}
