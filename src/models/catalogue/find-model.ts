import { ScoringError } from '../../errors.ts'
import type { Deployments } from '../../inference/deployments.ts'
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
 * @param deployment  the one that the caller named, where several may have that version
 * @throws ScoringError SERVICE_UNKNOWN in the words of Triton, which its clients look for
 */
export function findModel(
  catalogue: ModelNames,
  name: string | undefined,
  version?: string,
  deployment?: string | null,
): ScoringService {
  if (!name) return requireVersion(catalogue.findDefault(), { version, deployment })
  const service = catalogue.get(name) ?? catalogue.get(name.replaceAll('_', '-'))
  if (!service) throw unknown(name, '')
  return requireVersion(service, { version, deployment, name })
}

/** The version that a service answers as: the numbered folder of its model, `1` where there is none. */
export function modelVersion({ version }: Pick<ScoringService, 'version'>): string {
  return version ?? '1'
}

interface NamedVersion {
  readonly version: string | undefined
  readonly deployment: string | null | undefined
  readonly name?: string
}

function requireVersion(
  service: ScoringService,
  { version, deployment, name = service.name }: NamedVersion,
): ScoringService {
  if (!version) return service
  const served = service.deployments ? findDeployment(service.deployments, version, deployment) : service
  if (served && modelVersion(served) === version) return served
  throw unknown(name, ` version ${show(version)}`)
}

/** Of several deployments with that version the one that is named, or answers the most requests. */
function findDeployment(
  { all }: Deployments,
  version: string,
  named: string | null | undefined,
): ScoringService | undefined {
  const served = all.filter(({ name, service }) => modelVersion(service) === version && (!named || name === named))
  return served.toSorted((one, other) => other.weight - one.weight)[0]?.service
}

function unknown(name: string, version: string): ScoringError {
  return new ScoringError('SERVICE_UNKNOWN', `Request for unknown model: '${show(name)}'${version} is not found`)
}

function show(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?').slice(0, maxShown)
}
