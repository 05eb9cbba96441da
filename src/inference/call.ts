import type { Caller } from '../auth/authorizer.ts'
import type { LoadReport } from '../models/session/load-report.ts'
import type { InferenceRequest } from '../scheduling/inference-request.ts'
import type { CallDeadline } from '../scheduling/request-queue.ts'
import type { Span } from '../telemetry/tracing.ts'

/** One call of a service, as any protocol brings it. */
export interface Call {
  /** The value of the `Authorization` header. */
  readonly credential: string | null
  readonly caller: Caller
  /** The caller was authorized already, by an earlier message of the same stream; absent: no. */
  readonly isAuthorized?: boolean
  /** Bytes of the body, as far as its sender declared them. */
  readonly declaredBytes: number
  /** Reads how long the caller waits, where it says so; called once the caller is authorized. @throws ScoringError HEADER_INVALID */
  readonly readDeadline: () => CallDeadline | undefined
  /** Gets the parts of the call, where it is traced. */
  readonly span?: Span | undefined
  /** Whether the caller has left; such work is not started. */
  readonly isAbandoned: () => boolean
  /** Called when the caller is authorized and the service has loaded, before the request is admitted. */
  readonly onLoaded: (report: LoadReport) => void
  /** Reads the body of an admitted request. @throws ScoringError 4xx */
  readonly read: (report: LoadReport) => Promise<InferenceRequest>
}
