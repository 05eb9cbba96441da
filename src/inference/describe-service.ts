/** What documents and owners are told of a service. */
import type { ServiceDefinition } from '../models/definition/definition.ts'
import { explainOlderVersion } from '../models/repository/versions.ts'
import type { ScoringService } from './scoring-service.ts'

/** Chooses what documents describe: the deployment with the greatest weight, which may have its own script, or the service itself. */
export function chooseDescribed({ definition, deployments }: ScoringService): ServiceDefinition {
  return deployments ? { ...deployments.primary.service.definition, deployments: definition.deployments } : definition
}

/** Notes for the owner about what is served, once it has loaded. */
export function listNotes({ spec, report }: ScoringService): readonly string[] {
  const older = spec && explainOlderVersion(spec)
  return [...(older === undefined ? [] : [older]), ...(report?.notes ?? [])]
}
