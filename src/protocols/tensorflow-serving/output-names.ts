import { ScoringError, showName } from '../../errors.ts'
import type { Feeds } from '../../models/session/model-session.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import type { AnswerForm } from './answer-form.ts'
import { findByName } from './input-names.ts'

/** The clients of the first FPGA services, which name no model, look for their output under this name only. */
const firstOutput = 'output_alias'

/** Names of outputs for callers, by their names in the model: `tensorflowServing.outputs` of service.json. */
export type OutputNames = Readonly<Record<string, string>>

/** The name of an output for callers. */
export function nameForCallers(name: string, names: OutputNames): string {
  return Object.hasOwn(names, name) ? (names[name] as string) : name
}

/**
 * Chooses the outputs that an answer has: those that are asked for, else all. A caller who names no model also gets the first
 * one as `output_alias`; one that names a model does not, because clients of that kind take an answer with a single output only.
 *
 * @param tensors  by the names of the outputs
 * @returns name and tensor of each entry, of which two may share a tensor
 * @throws ScoringError INPUT_UNKNOWN for an output that there is not
 */
export function chooseOutputs(tensors: Feeds, names: OutputNames, form: AnswerForm): [name: string, tensor: Tensor][] {
  const { isNamed, outputFilter } = form
  const all = Object.entries(tensors).map(([own, tensor]) => ({ own, name: nameForCallers(own, names), tensor }))
  const [first] = all
  const hasAlias = first !== undefined && !isNamed && !all.some(({ name }) => name === firstOutput)
  if (outputFilter.size === 0) {
    const entries = all.map(({ name, tensor }): [string, Tensor] => [name, tensor])
    return hasAlias ? [...entries, [firstOutput, first.tensor]] : entries
  }
  const byOwnName = all.map(({ own, tensor }) => ({ name: own, tensor }))
  return [...outputFilter].map(asked => {
    const found = findByName(all, asked) ?? findByName(byOwnName, asked)
    const tensor = hasAlias && asked === firstOutput ? first.tensor : found?.tensor
    if (!tensor)
      throw unknownOutput(
        asked,
        all.map(({ name }) => name),
      )
    return [asked, tensor]
  })
}

function unknownOutput(asked: string, names: readonly string[]): ScoringError {
  const has = names.map(name => JSON.stringify(name)).join(', ')
  return new ScoringError('INPUT_UNKNOWN', `output_filter asks for ${showName(asked)}; the outputs are ${has}`)
}
