import { asScoringError, type ErrorCode } from '../../errors.ts'
import type { ScoringService } from '../../inference/scoring-service.ts'
import { readCaller } from './client-address.ts'
import type { WireRequest } from './wire.ts'

/**
 * The services that the request's credential opens: their owner, or a caller, may see how they do. The key of one service
 * is a wrong one for the others, which is nobody's fault; one that opens none counts as a wrong key, once.
 *
 * @throws ScoringError TOO_MANY_WRONG_KEYS
 */
export async function servicesOpenedBy(
  request: WireRequest,
  services: readonly ScoringService[],
): Promise<ReadonlySet<ScoringService>> {
  const locked = services.filter(({ authorizer }) => authorizer !== undefined)
  const refusals = await Promise.all(locked.map(service => findRefusal(request, service)))
  const opened = new Set(locked.filter((_, index) => refusals[index] === undefined))
  if (opened.size === 0) {
    const refusing = locked.find(
      ({ authorizer }, index) => authorizer?.countWrong && refusals[index] === 'BEARER_REJECTED',
    )
    refusing?.authorizer?.countWrong?.(readCaller(request))
  }
  return opened
}

/** @returns undefined: it is let in */
async function findRefusal(request: WireRequest, { authorizer }: ScoringService): Promise<ErrorCode | undefined> {
  try {
    await authorizer?.authorize(request.headers.get('authorization'), { ...readCaller(request), isDryRun: true })
    return undefined
  } catch (failure) {
    return asScoringError(failure).code
  }
}
