import type { ServiceDefinition } from '../models/definition/definition.ts'
import { unservedElsewhere } from '../models/definition/triggers.ts'
import type { ReadService } from './open-service.ts'

/** Of a service that did not exist at the start. */
const noTriggers = encode({
  triggers: { http: { authLevel: 'anonymous' } },
  jobs: { source: 'polling', overwrite: false },
})

/** Tells owners which triggers do not run as `service.json` says: they are registered once, when the app starts. */
export class TriggerNotes {
  readonly #isElsewhere: boolean
  /** As they were told last, by service. */
  readonly #told: Map<string, string>

  /** @param services  those of the start. @param isElsewhere  they are in a container, where only HTTP is served */
  constructor(services: readonly ReadService[], isElsewhere: boolean) {
    this.#isElsewhere = isElsewhere
    this.#told = new Map(services.map(({ name, definition }) => [name, encode(definition)]))
    for (const service of services) this.#tellUnserved(service)
  }

  /** To be called with a service that was read again. */
  tell(service: ReadService): void {
    const { kind, name, definition } = service
    const triggers = encode(definition)
    if (kind !== 'readable' || triggers === (this.#told.get(name) ?? noTriggers)) return
    this.#told.set(name, triggers)
    if (this.#isElsewhere) this.#tellUnserved(service)
    else console.log(`[${name}] "triggers" in service.json has changed, which takes effect at the next start`)
  }

  #tellUnserved({ name, definition }: ReadService): void {
    for (const line of this.#isElsewhere ? unservedElsewhere(definition.triggers, definition.jobs.watch) : [])
      console.error(`[${name}] ${line}`)
  }
}

/** What is read with each blob takes effect at once. */
function encode({ triggers, jobs: { input: _, ...jobs } }: Pick<ServiceDefinition, 'triggers' | 'jobs'>): string {
  return JSON.stringify([triggers, jobs])
}
