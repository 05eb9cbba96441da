import type { ScoringService } from '../scoring/scoring-service.ts'
import { attemptOf } from './client-address.ts'
import type { WireRequest } from './wire.ts'

/** Whether the request shows what opens the service: its owner, or a caller, may see how the service does. */
export async function isLetIn(request: WireRequest, { authorizer }: ScoringService): Promise<boolean> {
  try {
    // The key of one service is a wrong one for the others, which is nobody's fault.
    await authorizer?.authorize(request.headers.get('authorization'), { ...attemptOf(request), isProbe: true })
    return authorizer !== undefined
  } catch {
    return false
  }
}
