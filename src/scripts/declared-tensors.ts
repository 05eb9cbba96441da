import { ServiceLoadError } from '../errors.ts'
import type { Feeds, TensorInfo } from '../models/session/model-session.ts'
import { TensorInput } from './api.ts'
import { describeUnequalRows } from './row-feeds.ts'

/** The tensors that the export `input` of an entry script declares. */
export interface DeclaredTensors {
  readonly inputs: readonly TensorInfo[]
  readonly sample: Feeds
  /** A request with the sample. */
  readonly sampleRequest: { readonly data: unknown }
  /** Whether rows of several requests can be concatenated. */
  readonly hasRowAxis: boolean
}

/**
 * Reads `tensor(...)`, whose rows are called "data", or an object with a `tensor(...)` for each column.
 *
 * @returns undefined when `input` is something else, such as a schema
 */
export function readDeclaredTensors(input: unknown): DeclaredTensors | undefined {
  const declared = input instanceof TensorInput ? { data: input } : input
  if (!isTensorRecord(declared)) return undefined
  const tensors = Object.entries(declared)
  const sample = Object.fromEntries(tensors.map(([name, tensor]) => [name, tensor.sample]))
  return {
    inputs: tensors.map(([name, { dtype, shape }]) => ({ name, dtype, shape })),
    sample,
    sampleRequest: { data: input instanceof TensorInput ? input.sample : sample },
    hasRowAxis: tensors.every(([, tensor]) => tensor.hasRowAxis),
  }
}

function isTensorRecord(input: unknown): input is Readonly<Record<string, TensorInput>> {
  if (typeof input !== 'object' || input === null) return false
  const members = Object.values(input)
  return members.length > 0 && members.every(member => member instanceof TensorInput)
}

/** @throws ServiceLoadError when the samples of two columns have different numbers of rows */
export function checkSampleRows(file: string, { inputs, sample }: DeclaredTensors): void {
  const unequal = describeUnequalRows(sample, inputs)
  if (unequal)
    throw new ServiceLoadError(`${file}: in input, ${unequal}; give each tensor(...) the same number of rows`)
}
