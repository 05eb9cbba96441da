/** `GetModelMetadata` (tensorflow_serving/apis/get_model_metadata.proto): the signature of a service. */
import { ScoringError, showName } from '../../errors.ts'
import { findTensors, type LoadReport } from '../../models/session/load-report.ts'
import type { TensorInfo } from '../../models/session/model-session.ts'
import { isOpen } from '../../tensor/shape.ts'
import { MessageReader } from '../grpc/message-reader.ts'
import { MessageWriter } from '../grpc/message-writer.ts'
import { dataTypeFor } from './data-types.ts'
import { ModelSpec, servedSignature, writeModelSpec } from './model-spec.ts'
import { nameForCallers, type OutputNames } from './output-names.ts'
import { writeShape } from './write-tensor.ts'

/** The only metadata that the protocol knows. */
const signatureField = 'signature_def'
const signatureMapType = 'type.googleapis.com/tensorflow.serving.SignatureDefMap'
const predictMethod = 'tensorflow/serving/predict'

/** @throws ScoringError INPUT_INVALID */
export function readMetadataRequest(message: Uint8Array): ModelSpec {
  const spec = new ModelSpec()
  let isAsked = false
  const reader = new MessageReader(message, 'GetModelMetadataRequest')
  while (reader.next()) {
    if (reader.field === 1) spec.add(reader.message('ModelSpec'))
    else if (reader.field === 2) {
      const field = reader.text()
      if (field !== signatureField) throw unknownField(showName(field))
      isAsked = true
    } else reader.skip()
  }
  if (!isAsked) throw unknownField('empty')
  return spec.check()
}

function unknownField(found: string): ScoringError {
  return new ScoringError('INPUT_INVALID', `metadata_field is ${found}; ask for "${signatureField}"`)
}

/** @param named  the model as the caller wrote it, or the name of the service */
export function writeMetadata(
  named: { readonly name: string; readonly version: string },
  report: LoadReport,
  outputNames: OutputNames,
): MessageWriter {
  const { inputs, outputs } = findTensors(report)
  const signature = new MessageWriter()
  for (const input of inputs) signature.message(1, mapEntry(input.name, tensorInfo(input)))
  for (const output of outputs)
    signature.message(2, mapEntry(nameForCallers(output.name, outputNames), tensorInfo(output)))
  signature.text(3, predictMethod)
  const signatures = new MessageWriter().message(1, mapEntry(servedSignature, signature))
  const any = new MessageWriter().text(1, signatureMapType).bytes(2, signatures.finish())
  return new MessageWriter().message(1, writeModelSpec(named)).message(2, mapEntry(signatureField, any))
}

function mapEntry(key: string, value: MessageWriter): MessageWriter {
  return new MessageWriter().text(1, key).message(2, value)
}

/** `TensorInfo` (tensorflow/core/protobuf/meta_graph.proto). */
function tensorInfo({ name, dtype, shape }: TensorInfo): MessageWriter {
  const sizes = shape?.map(size => (isOpen(size) ? -1 : (size as number)))
  return new MessageWriter()
    .text(1, /:\d+$/.test(name) ? name : `${name}:0`)
    .integer(2, dataTypeFor(dtype).number)
    .message(3, sizes ? writeShape(sizes) : new MessageWriter().bool(3, true))
}
