import { ServiceLoadError } from '../../errors.ts'
import type { ServiceDefinition } from '../../models/definition/definition.ts'
import type { ModelPath } from '../../models/repository/service-spec.ts'
import type { LoadedModel, WorkerParts } from './load-service.ts'

type Accelerator = ServiceDefinition['accelerator']

/** The models of a service, each loaded once for an accelerator. */
export class ModelLoader {
  readonly #models: readonly ModelPath[]
  readonly #open: WorkerParts['openModel']
  readonly #sessions = new Map<string, Promise<LoadedModel>>()

  constructor(models: readonly ModelPath[], open: WorkerParts['openModel']) {
    this.#models = models
    this.#open = open
  }

  /**
   * @param name  undefined: the only one
   * @throws ServiceLoadError when there is no such model, or it cannot be loaded
   */
  load(name: string | undefined, accelerator: Accelerator): Promise<LoadedModel> {
    const model = this.#find(name)
    const key = `${model.name} ${JSON.stringify(accelerator)}`
    const session = this.#sessions.get(key) ?? this.#open(model, accelerator)
    this.#sessions.set(key, session)
    return session
  }

  /** All that have been loaded, in that order. */
  sessions(): Promise<LoadedModel[]> {
    return Promise.all(this.#sessions.values())
  }

  #find(name: string | undefined): ModelPath {
    const isOnlyOne = name === undefined && this.#models.length === 1
    const model = isOnlyOne ? this.#models[0] : this.#models.find(each => each.name === name)
    if (model) return model
    const known = this.#models.map(each => `"${each.name}"`).join(', ') || 'none'
    throw new ServiceLoadError(`there is no model ${name === undefined ? 'to choose' : `"${name}"`}; models: ${known}`)
  }
}
