import { showName } from '../../errors.ts'
import { MessageReader } from '../grpc/message-reader.ts'
import type { NamedModel } from '../grpc/method.ts'
import { RepeatedNumbers } from '../grpc/repeated-numbers.ts'
import { invalidInput } from './invalid-input.ts'
import { TypedContents } from './typed-contents.ts'

/** A request, whose tensors are not read yet. */
export interface InferMessage {
  readonly model: string
  readonly version: string
  readonly id: string
  /** Triton's clients of streams may ask for a mark on the last answer to a request; here each request has one answer. */
  readonly wantsFinalMark: boolean
  readonly inputs: readonly InputMessage[]
  readonly outputs: readonly OutputMessage[]
  /** The bytes of each input, in order; empty: the inputs have typed contents. Views on the message. */
  readonly raw: readonly Uint8Array[]
}

/** `InferInputTensor` */
export interface InputMessage {
  readonly name: string
  readonly datatype: string
  readonly shape: readonly number[]
  readonly contents: TypedContents | undefined
}

/** `InferRequestedOutputTensor` */
export interface OutputMessage {
  readonly name: string
  /** How many of the best classes to give instead of the scores. */
  readonly classCount: number | undefined
}

type Parameter = boolean | number | string

/** All others are ignored, and not kept. */
const knownParameters: ReadonlySet<string> = new Set([
  'classification',
  'shared_memory_region',
  'triton_enable_empty_final_response',
])

/** The most inputs, outputs and contents that are read: an empty one takes two bytes of a message, and far more when it is read. */
const maxTensors = 10_000

const requestName = 'ModelInferRequest'

/** Reads name and version of the model, which serializers write first. */
export function readNamedModel(head: Uint8Array): NamedModel {
  const reader = new MessageReader(head, requestName)
  let name: string | undefined
  let version: string | undefined
  try {
    while (reader.next() && reader.field <= 2) {
      if (reader.field === 1) name = reader.text()
      else version = reader.text()
    }
  } catch {
    // Cut off, or malformed, which the codec says.
  }
  return { name, version }
}

/**
 * Reads the id of a request that failed, which serializers write before its tensors.
 *
 * @param head  the beginning of the message
 * @returns '': it has none, or it cannot be read
 */
export function readRequestId(head: Uint8Array): string {
  const reader = new MessageReader(head, requestName)
  let id = ''
  try {
    while (reader.next()) {
      if (reader.field === 3) id = reader.text()
      else reader.skip()
    }
  } catch {
    // Its failure is what is answered.
  }
  return id
}

/** @throws ScoringError INPUT_INVALID */
export function readInferMessage(message: Uint8Array): InferMessage {
  const reader = new MessageReader(message, requestName)
  const inputs: InputMessage[] = []
  const outputs: OutputMessage[] = []
  const raw: Uint8Array[] = []
  const parameters = new Map<string, Parameter>()
  let model = ''
  let version = ''
  let id = ''
  while (reader.next()) {
    switch (reader.field) {
      case 1:
        model = reader.text()
        break
      case 2:
        version = reader.text()
        break
      case 3:
        id = reader.text()
        break
      case 4:
        readParameter(reader.message('parameter'), parameters)
        break
      case 5:
        add(inputs, readInput(reader.message('InferInputTensor')))
        break
      case 6:
        add(outputs, readOutput(reader.message('InferRequestedOutputTensor')))
        break
      case 7:
        add(raw, reader.bytes())
        break
      default:
        reader.skip()
    }
  }
  refuseDoubles(outputs)
  const wantsFinalMark = parameters.get('triton_enable_empty_final_response') === true
  return { model, version, id, wantsFinalMark, inputs, outputs, raw }
}

function add<Item>(list: Item[], item: Item): void {
  if (list.length >= maxTensors)
    throw invalidInput(`The message has more than ${maxTensors} inputs, outputs or contents.`)
  list.push(item)
}

/** A few bytes for each would make an answer of any size. @throws ScoringError INPUT_INVALID */
function refuseDoubles(outputs: readonly OutputMessage[]): void {
  const names = new Set<string>()
  for (const { name } of outputs) {
    if (names.has(name)) throw invalidInput(`output ${showName(name)} is asked for twice`)
    names.add(name)
  }
}

function readInput(reader: MessageReader): InputMessage {
  const shape = new RepeatedNumbers('varint')
  const parameters = new Map<string, Parameter>()
  let name = ''
  let datatype = ''
  let contents: TypedContents | undefined
  while (reader.next()) {
    switch (reader.field) {
      case 1:
        name = reader.text()
        break
      case 2:
        datatype = reader.text()
        break
      case 3:
        reader.numbers(shape)
        break
      case 4:
        readParameter(reader.message('parameter'), parameters)
        break
      case 5:
        contents ??= new TypedContents()
        contents.read(reader.message('InferTensorContents'))
        break
      default:
        reader.skip()
    }
  }
  refuseSharedMemory(`input ${showName(name)}`, 'send its contents', parameters)
  return { name, datatype, shape: readShape(shape), contents }
}

/** Sizes beyond 2^53 stay as far from any size that a model takes. */
function readShape(numbers: RepeatedNumbers): number[] {
  const sizes = new BigInt64Array(numbers.count)
  numbers.copyLongVarints(sizes)
  return Array.from(sizes, Number)
}

function readOutput(reader: MessageReader): OutputMessage {
  const parameters = new Map<string, Parameter>()
  let name = ''
  while (reader.next()) {
    if (reader.field === 1) name = reader.text()
    else if (reader.field === 2) readParameter(reader.message('parameter'), parameters)
    else reader.skip()
  }
  refuseSharedMemory(`output ${showName(name)}`, 'it comes in the answer', parameters)
  const classCount = parameters.get('classification')
  if (classCount !== undefined && typeof classCount !== 'number')
    throw invalidInput(`output ${showName(name)}: classification must be an int64_param`)
  // Triton's clients write 0 for none.
  return { name, classCount: classCount || undefined }
}

/** @throws ScoringError INPUT_INVALID */
function refuseSharedMemory(what: string, advice: string, parameters: ReadonlyMap<string, Parameter>): void {
  if (!parameters.has('shared_memory_region')) return
  throw invalidInput(`${what}: there is no shared memory here; ${advice}`)
}

/** An entry of a map of `InferParameter`, of which the last one with a name counts. */
function readParameter(reader: MessageReader, parameters: Map<string, Parameter>): void {
  let name = ''
  let value: Parameter | undefined
  while (reader.next()) {
    if (reader.field === 1) name = reader.text()
    else if (reader.field === 2) value = readParameterValue(reader.message('InferParameter')) ?? value
    else reader.skip()
  }
  if (value !== undefined && knownParameters.has(name)) parameters.set(name, value)
}

function readParameterValue(reader: MessageReader): Parameter | undefined {
  let value: Parameter | undefined
  while (reader.next()) {
    switch (reader.field) {
      case 1:
        value = reader.bool()
        break
      case 2:
        value = Number(reader.int64())
        break
      case 3:
        value = reader.text()
        break
      case 4:
        value = reader.double()
        break
      case 5:
        value = Number(reader.uint64())
        break
      default:
        reader.skip()
    }
  }
  return value
}
