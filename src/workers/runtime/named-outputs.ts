import { ScoringError } from '../../errors.ts'
import type { Feeds, TensorInfo } from '../../models/session/model-session.ts'
import { Tensor } from '../../tensor/tensor.ts'
import { TensorList } from '../../tensor/tensor-list.ts'
import { isTensor } from '../transport/messages.ts'

/**
 * The tensors of a result by the names of the outputs; the entries of a list have names of their own.
 *
 * @throws ScoringError OUTPUT_NOT_SERIALISABLE when a script returned anything but tensors
 */
export function nameOutputs(result: unknown, outputs: readonly TensorInfo[]): Feeds {
  const isOne = result instanceof Tensor || result instanceof TensorList
  const members = isOne ? [result] : isObject(result) ? Object.values(result) : []
  const only = outputs.length === 1 ? (outputs[0] as TensorInfo).name : 'output'
  const names = result instanceof Tensor ? [only] : isOne || !isObject(result) ? [] : Object.keys(result)
  const named = new Map<string, Tensor>()
  for (const [position, member] of members.entries()) {
    if (member instanceof Tensor) named.set(names[position] as string, member)
    else if (member instanceof TensorList) nameList(names[position], member, outputs, named)
    else throw notTensors()
  }
  // A script in JavaScript may put anything into a tensor; the thread would be ended for it, with the results of others.
  if (named.size === 0 || ![...named.values()].every(isTensor)) throw notTensors()
  return Object.fromEntries(named)
}

/** @param list  the name of the list; undefined when it is the only output */
function nameList(
  list: string | undefined,
  { tensors }: TensorList,
  outputs: readonly TensorInfo[],
  named: Map<string, Tensor>,
): void {
  const entries = outputs.filter(output => output.list !== undefined && (list === undefined || output.list === list))
  for (const [position, tensor] of tensors.entries()) named.set((entries[position] as TensorInfo).name, tensor)
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

function notTensors(): ScoringError {
  const message = 'An unexpected internal error occurred. Check the logs for more info.'
  const cause = new TypeError(
    'run() must return a Tensor, or an object of Tensors, to callers that ask for tensors; its data must be of its dtype, and as long as its shape says',
  )
  return new ScoringError('OUTPUT_NOT_SERIALISABLE', message, { cause })
}
