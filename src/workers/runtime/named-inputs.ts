import { InputShapeMismatch, ScoringError, showName } from '../../errors.ts'
import type { Feeds, TensorInfo } from '../../models/session/model-session.ts'
import { checkEmptyTensor, checkNamedDimensions } from '../../scripts/feeds.ts'
import type { RowScript } from '../../scripts/script.ts'
import type { BinaryDtype } from '../../tensor/element-bytes.ts'
import { convertExactly, isExact } from '../../tensor/exact-conversion.ts'
import { fits } from '../../tensor/shape.ts'
import type { Tensor } from '../../tensor/tensor.ts'

/**
 * Checks tensors that came under the names of inputs. A type whose values the model's type holds exactly is converted.
 *
 * @returns the tensors as the script takes them
 * @throws ScoringError INPUT_MISSING, INPUT_UNKNOWN, INPUT_TYPE_MISMATCH, InputShapeMismatch or NoRows
 */
export function checkNamedInputs(tensors: Feeds, script: RowScript): Feeds {
  const { inputs, optionalInputs = [] } = script
  checkInputNames(Object.keys(tensors), script)
  const checked = new Map<string, Tensor>()
  for (const input of [...inputs, ...optionalInputs]) {
    const tensor = tensors[input.name]
    if (tensor) checked.set(input.name, checkTensor(tensor, input))
  }
  checkNamedDimensions(checked, inputs)
  return Object.fromEntries(checked)
}

/** @throws ScoringError INPUT_MISSING or INPUT_UNKNOWN */
export function checkInputNames(names: readonly string[], { inputs, optionalInputs = [] }: RowScript): void {
  const all = [...inputs, ...optionalInputs].map(({ name }) => name)
  const takes = () => `the model takes ${all.map(name => JSON.stringify(name)).join(', ')}`
  const given = new Set(names)
  const known = new Set(all)
  const unknown = names.find(name => !known.has(name))
  const shown = showName(unknown ?? '')
  const missing = inputs.find(({ name }) => !given.has(name))
  if (missing) {
    const came = unknown === undefined ? '' : `, ${shown} came`
    throw new ScoringError('INPUT_MISSING', `input ${JSON.stringify(missing.name)} is missing${came}; ${takes()}`)
  }
  if (unknown !== undefined) throw new ScoringError('INPUT_UNKNOWN', `there is no input ${shown}; ${takes()}`)
}

/** @throws ScoringError INPUT_TYPE_MISMATCH, InputShapeMismatch or NoRows */
function checkTensor(tensor: Tensor, input: TensorInfo): Tensor {
  const { dtype, shape } = tensor
  if (!isExact(dtype, input.dtype)) {
    const reason = dtype === 'string' || input.dtype === 'string' ? '' : `, which does not hold all ${dtype} values`
    throw new ScoringError(
      'INPUT_TYPE_MISMATCH',
      `input "${input.name}" is ${dtype}, the model takes ${input.dtype}${reason}`,
    )
  }
  if (input.shape && !fits(shape, input.shape)) throw new InputShapeMismatch(input.name, input.shape, shape)
  checkEmptyTensor(tensor, input)
  return dtype === input.dtype ? tensor : convertExactly(tensor, input.dtype as BinaryDtype)
}
