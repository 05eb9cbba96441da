import type { ScoringService } from '../../inference/scoring-service.ts'
import { readCaller } from './client-address.ts'
import type { WireRequest } from './wire.ts'

/** @throws ScoringError as its `Authorizer` says */
export function authorize(service: ScoringService, request: WireRequest): void | Promise<void> {
  return service.authorizer?.authorize(request.headers.get('authorization'), readCaller(request))
}
