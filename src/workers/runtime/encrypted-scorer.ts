import type { EncryptedFacts } from '../../models/session/load-report.ts'
import type { InferenceRequest } from '../../scheduling/inference-request.ts'
import type { RunOutput } from './codec.ts'

/** Port: scores requests whose features are encrypted, inside a worker. */
export interface EncryptedScorer {
  /** What clients need to know, as JSON. */
  readonly published: EncryptedFacts
  /** Remarks for the owner of the service. */
  readonly notes: readonly string[]

  /**
   * @param request  with `details.encrypted`
   * @throws ScoringError 4xx naming what is wrong
   */
  run(request: InferenceRequest): RunOutput
}
