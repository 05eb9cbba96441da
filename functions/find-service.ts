import type { HttpRequest } from '@azure/functions'
import { startedApp } from '../src/compose/app.ts'
import type { ScoringService } from '../src/inference/scoring-service.ts'

/** Finds the service that the path names. @throws ScoringError SERVICE_UNKNOWN when it is called */
export function findNamed({ params }: HttpRequest): () => Promise<ScoringService> {
  return async () => (await startedApp()).catalogue.find(params.service ?? '')
}

/** Finds the service behind the paths that name none. @throws ScoringError SERVICE_UNKNOWN */
export async function findDefault(): Promise<ScoringService> {
  return (await startedApp()).catalogue.findDefault()
}
