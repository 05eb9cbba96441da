import { ScoringError } from '../../errors.ts'
import type { TensorInfo } from '../../models/session/model-session.ts'
import type { RowScript } from '../../scripts/script.ts'

/**
 * Finds the inputs that callers mean: TensorFlow calls a tensor `x:0` where a graph calls it `x`, and a service with a single
 * input takes any name, because programs say `images` or `Placeholder:0` whatever the model says.
 *
 * @param given  tensors by the callers' names
 * @returns tensors by the names of the inputs; one that no input has keeps its name
 * @throws ScoringError INPUT_INVALID when two mean the same input
 */
export function findInputs<Given>(
  given: ReadonlyMap<string, Given>,
  { inputs, optionalInputs = [] }: Pick<RowScript, 'inputs' | 'optionalInputs'>,
): Map<string, Given> {
  const known = [...inputs, ...optionalInputs]
  const [onlyGiven] = given.keys()
  const [onlyInput] = inputs
  const isOnly = given.size === 1 && inputs.length === 1 && onlyGiven !== undefined
  const found = new Map<string, Given>()
  for (const [name, tensor] of given) {
    const input = findByName(known, name) ?? (isOnly ? onlyInput : undefined)
    const own = input?.name ?? name
    if (found.has(own))
      throw new ScoringError('INPUT_INVALID', `two of the inputs mean ${JSON.stringify(own)}; send it once`)
    found.set(own, tensor)
  }
  return found
}

/** @param name  with or without `:0`, whichever the tensor itself has */
export function findByName<Named extends Pick<TensorInfo, 'name'>>(
  tensors: readonly Named[],
  name: string,
): Named | undefined {
  return tensors.find(each => each.name === name) ?? tensors.find(each => bareName(each.name) === bareName(name))
}

function bareName(name: string): string {
  return name.endsWith(':0') ? name.slice(0, -2) : name
}
