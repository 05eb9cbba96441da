import type { ScoringService } from '../../inference/scoring-service.ts'

/** What a deployment is chosen by. */
interface Chooser {
  header(name: string): string | null
  /** Checks the caller's credential. @throws ScoringError */
  authorize(service: ScoringService): void | Promise<void>
}

/**
 * Chooses the deployment that answers a request. Only callers of the service learn which there are.
 *
 * @throws ScoringError DEPLOYMENT_UNKNOWN, or as the service's `Authorizer` says
 */
export async function chooseDeployment(
  service: ScoringService,
  { header, authorize }: Chooser,
): Promise<ScoringService> {
  const { deployments } = service
  if (!deployments) return service
  const chosen = deployments.choose(header)
  if (chosen) return chosen
  await authorize(service)
  throw deployments.unknown(header)
}
