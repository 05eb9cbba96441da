import { ServiceLoadError } from '../../errors.ts'
import type { ServiceDefinition } from '../../models/definition/definition.ts'
import type { TensorInfo } from '../../models/session/model-session.ts'

/**
 * Checks that service.json names outputs that the model has, and gives none the name of another one.
 *
 * @param outputs  of the model that answers
 * @throws ServiceLoadError
 */
export function checkOutputNames(
  outputs: readonly TensorInfo[],
  { outputs: given }: ServiceDefinition['tensorflowServing'],
): void {
  const names = new Set(outputs.map(({ name }) => name))
  for (const [own, name] of Object.entries(given)) {
    if (!names.has(own)) {
      const has = [...names].map(each => JSON.stringify(each)).join(', ')
      throw new ServiceLoadError(`tensorflowServing.outputs: there is no output "${own}"; the model has ${has}`)
    }
    if (name !== own && names.has(name) && !Object.hasOwn(given, name))
      throw new ServiceLoadError(`tensorflowServing.outputs: "${own}" cannot be called "${name}", as another output is`)
  }
}
