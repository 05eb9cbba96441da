/** Messages of TensorFlow Serving as tests write and read them. */
import { MessageReader } from '../../src/protocols/grpc/message-reader.ts'
import { MessageWriter } from '../../src/protocols/grpc/message-writer.ts'
import { readTensor } from '../../src/protocols/tensorflow-serving/read-tensor.ts'
import { TensorMessage } from '../../src/protocols/tensorflow-serving/tensor-message.ts'
import { writeTensor } from '../../src/protocols/tensorflow-serving/write-tensor.ts'
import { Tensor } from '../../src/tensor/tensor.ts'

export interface PredictFields {
  readonly model?: {
    readonly name?: string
    readonly version?: number
    readonly signature?: string
    readonly label?: string
  }
  readonly inputs?: Readonly<Record<string, Tensor | MessageWriter>>
  readonly filter?: readonly string[]
}

export function writePredict({ model, inputs = {}, filter = [] }: PredictFields): MessageWriter {
  const request = new MessageWriter()
  if (model) request.message(1, writeSpec(model))
  for (const [name, tensor] of Object.entries(inputs)) {
    const value = tensor instanceof Tensor ? writeTensor(tensor) : tensor
    request.message(2, new MessageWriter().text(1, name).message(2, value))
  }
  for (const name of filter) request.text(3, name)
  return request
}

export function writeSpec({ name, version, signature, label }: NonNullable<PredictFields['model']>): MessageWriter {
  const spec = new MessageWriter()
  if (name !== undefined) spec.text(1, name)
  if (version !== undefined) spec.message(2, new MessageWriter().integer(1, version))
  if (signature !== undefined) spec.text(3, signature)
  if (label !== undefined) spec.text(4, label)
  return spec
}

/** A DT_STRING tensor whose values are files. */
export function filesTensor(files: readonly Uint8Array[], shape: readonly number[] = [files.length]): MessageWriter {
  const sizes = new MessageWriter()
  for (const size of shape) sizes.message(2, new MessageWriter().integer(1, size))
  const tensor = new MessageWriter().integer(1, 7).message(2, sizes)
  for (const file of files) tensor.bytes(8, file)
  return tensor
}

export interface Prediction {
  readonly outputs: Readonly<Record<string, Tensor>>
  /** Name, version and signature of the model that answered. */
  readonly spec: { readonly name: string; readonly version: bigint; readonly signature: string }
}

/** @param framed  a `PredictResponse` behind its prefix of five bytes */
export function readPrediction(framed: Uint8Array): Prediction {
  const outputs: Record<string, Tensor> = {}
  const spec = { name: '', version: -1n, signature: '' }
  const reader = new MessageReader(framed.slice(5), 'PredictResponse')
  while (reader.next()) {
    if (reader.field === 1) readEntry(reader.message('OutputsEntry'), outputs)
    else Object.assign(spec, readSpec(reader.message('ModelSpec')))
  }
  return { outputs, spec }
}

function readEntry(reader: MessageReader, outputs: Record<string, Tensor>): void {
  let name = ''
  const tensor = new TensorMessage()
  while (reader.next()) {
    if (reader.field === 1) name = reader.text()
    else tensor.add(reader.bytes())
  }
  if (Object.hasOwn(outputs, name)) throw new Error(`two outputs are called ${name}`)
  outputs[name] = readTensor(name, tensor)
}

function readSpec(reader: MessageReader): Partial<Prediction['spec']> {
  const spec: { name?: string; version?: bigint; signature?: string } = {}
  while (reader.next()) {
    if (reader.field === 1) spec.name = reader.text()
    else if (reader.field === 3) spec.signature = reader.text()
    else {
      const version = reader.message('Int64Value')
      spec.version = version.next() ? version.int64() : 0n
    }
  }
  return spec
}
