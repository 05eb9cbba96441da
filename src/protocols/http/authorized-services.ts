import { asScoringError, type ErrorCode } from '../../errors.ts'
import type { ScoringService } from '../../inference/scoring-service.ts'
import { readCaller } from './client-address.ts'
import type { WireRequest } from './wire.ts'

/**
 * Finds the services whose state the caller may see, because its credential is valid for them. The key of one service is
 * wrong for the others, which does not count; a key that is valid for none counts as one wrong key.
 *
 * @throws ScoringError TOO_MANY_WRONG_KEYS
 */
export async function findAuthorizedServices(
  request: WireRequest,
  services: readonly ScoringService[],
): Promise<ReadonlySet<ScoringService>> {
  const protectedServices = services.filter(({ authorizer }) => authorizer !== undefined)
  const refusals = await Promise.all(protectedServices.map(service => findRefusal(request, service)))
  const authorized = new Set(protectedServices.filter((_, index) => refusals[index] === undefined))
  if (authorized.size === 0) {
    const counting = protectedServices.find(
      ({ authorizer }, index) => authorizer?.countWrong && refusals[index] === 'BEARER_REJECTED',
    )
    counting?.authorizer?.countWrong?.(readCaller(request))
  }
  return authorized
}

/** @returns undefined when the caller is authorized */
async function findRefusal(request: WireRequest, { authorizer }: ScoringService): Promise<ErrorCode | undefined> {
  try {
    await authorizer?.authorize(request.headers.get('authorization'), { ...readCaller(request), isDryRun: true })
    return undefined
  } catch (failure) {
    return asScoringError(failure).code
  }
}
