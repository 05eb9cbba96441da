import { ScoringError } from '../../errors.ts'
import type { ScoringService } from '../../inference/scoring-service.ts'
import type { ServiceCatalogue } from './service-catalogue.ts'

/** The longest part of a name that a message repeats. */
const maxShown = 128

/** The services that a name may mean. */
export type ModelNames = Pick<ServiceCatalogue, 'get' | 'findDefault'>

/**
 * Finds the service that protocols of tensors call a model. Triton's clients write names with `_`, which names of services do
 * not have: `simple_string` finds `simple-string`.
 *
 * @param name     undefined or empty: the default service
 * @param version  undefined or empty: the one that is served
 * @throws ScoringError SERVICE_UNKNOWN in the words of Triton, which its clients look for
 */
export function findModel(catalogue: ModelNames, name: string | undefined, version?: string): ScoringService {
  if (!name) return requireVersion(catalogue.findDefault(), version)
  const service = catalogue.get(name) ?? catalogue.get(name.replaceAll('_', '-'))
  if (!service) throw unknown(name, '')
  return requireVersion(service, version, name)
}

/** The version that a service answers as: the numbered folder of its model, `1` where there is none. */
export function modelVersion({ version }: Pick<ScoringService, 'version'>): string {
  return version ?? '1'
}

function requireVersion(service: ScoringService, version: string | undefined, name = service.name): ScoringService {
  if (version && service.deployments) {
    const served = service.parts.find(part => modelVersion(part) === version)
    if (served) return served
  }
  if (version && version !== modelVersion(service)) throw unknown(name, ` version ${show(version)}`)
  return service
}

function unknown(name: string, version: string): ScoringError {
  return new ScoringError('SERVICE_UNKNOWN', `Request for unknown model: '${show(name)}'${version} is not found`)
}

function show(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?').slice(0, maxShown)
}
