import { parseBearer } from '../../auth/bearer.ts'
import { asScoringError, ScoringError } from '../../errors.ts'
import type { ScoringService } from '../../inference/scoring-service.ts'
import { readCaller } from './client-address.ts'
import type { RequestOrigin } from './wire.ts'

export interface AuthorizedServices {
  /** The services whose state the caller may see, because its credential is valid for them. */
  readonly services: ReadonlySet<ScoringService>
  /** Why the credential could not be checked for some service, which may be the one that it is valid for. */
  readonly unavailable: ScoringError | undefined
}

/**
 * Checks a credential against every protected service. The key of one service is wrong for the others, which does not
 * count; a key that is valid for none counts as one wrong key, unless it could not be checked everywhere.
 *
 * @throws ScoringError TOO_MANY_WRONG_KEYS
 */
export async function findAuthorizedServices(
  request: RequestOrigin,
  services: readonly ScoringService[],
): Promise<AuthorizedServices> {
  const protectedServices = services.filter(({ authorizer }) => authorizer !== undefined)
  const refusals = await Promise.all(protectedServices.map(service => findRefusal(request, service)))
  const authorized = new Set(protectedServices.filter((_, index) => refusals[index] === undefined))
  const unavailable = refusals.find(
    refusal => refusal?.code === 'KEYS_UNAVAILABLE' || refusal?.code === 'TOKEN_KEYS_UNAVAILABLE',
  )
  if (authorized.size === 0 && !unavailable) {
    const counting = protectedServices.find(
      ({ authorizer }, index) => authorizer?.countWrong && refusals[index]?.code === 'BEARER_REJECTED',
    )
    counting?.authorizer?.countWrong?.(readCaller(request))
  }
  return { services: authorized, unavailable }
}

/**
 * The services that a caller may see, public ones included.
 *
 * @throws ScoringError BEARER_… when there is none and the credential is valid for no service, or as `requireAuthorized` does
 */
export async function findVisibleServices(
  request: RequestOrigin,
  services: readonly ScoringService[],
): Promise<readonly ScoringService[]> {
  const authorized = await findAuthorizedServices(request, services)
  const visible = services.filter(service => !service.authorizer || authorized.services.has(service))
  if (visible.length === 0 && services.length > 0) requireAuthorized(request, authorized, 'This needs')
  return visible
}

/**
 * @param needs  what needs the key, for the message: `Metrics need`
 * @throws ScoringError BEARER_… when the credential is valid for no service, KEYS_UNAVAILABLE or TOKEN_KEYS_UNAVAILABLE when
 *   it cannot be checked now
 */
export function requireAuthorized(
  request: RequestOrigin,
  { services, unavailable }: AuthorizedServices,
  needs: string,
): void {
  if (services.size > 0) return
  parseBearer(request.headers.get('authorization'))
  if (unavailable) throw unavailable
  throw new ScoringError('BEARER_REJECTED', `The key is not valid for any service. ${needs} the key of a service.`)
}

/** @returns undefined when the caller is authorized */
async function findRefusal(request: RequestOrigin, { authorizer }: ScoringService): Promise<ScoringError | undefined> {
  try {
    await authorizer?.authorize(request.headers.get('authorization'), { ...readCaller(request), isDryRun: true })
    return undefined
  } catch (failure) {
    return asScoringError(failure)
  }
}
