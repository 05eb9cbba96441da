import { outputsOfGraph, type TensorInfo } from '../models/session/model-session.ts'
import { Tensor } from '../tensor/tensor.ts'
import { TensorList } from '../tensor/tensor-list.ts'

/**
 * What a model answers whose outputs no script looks at: the only output itself, several as an object of them, and the
 * entries of a list together again.
 *
 * @param result  what the run gave: a tensor by the name of each output, or the only one
 */
export function modelAnswer(
  outputs: readonly TensorInfo[],
  result: Tensor | Readonly<Record<string, Tensor>>,
): unknown {
  if (result instanceof Tensor) return result
  const answers = new Map<string, unknown>()
  for (const [name, members] of outputsOfGraph(outputs)) {
    const tensors = members.map(member => result[member.name] as Tensor)
    answers.set(name, members[0]?.list === undefined ? tensors[0] : new TensorList(tensors))
  }
  return answers.size === 1 ? answers.values().next().value : Object.fromEntries(answers)
}
