import type { Authorizer } from '../auth/authorizer.ts'
import type { ServiceDefinition } from '../models/definition/definition.ts'
import type { OwnDocuments } from '../models/definition/own-documents.ts'
import type { OpenedFiles } from '../models/repository/opened-files.ts'
import type { ServiceSpec } from '../models/repository/service-spec.ts'
import type { ByteBudget } from '../scheduling/byte-budget.ts'
import type { ColdStart } from '../telemetry/cold-start.ts'
import type { ServiceMetrics } from '../telemetry/service-metrics.ts'
import type { Tracing } from '../telemetry/tracing.ts'
import type { Deployments } from './deployments.ts'
import type { EncryptedRequests } from './encrypted-requests.ts'
import type { Engine } from './engine.ts'
import type { ScoringService } from './scoring-service.ts'

/** What a `ScoringService` is made of. */
export interface ScoringServiceOptions {
  readonly name: string
  /** Its name among the deployments of the service; absent: it is the service itself. */
  readonly deployment?: string | undefined
  /** What a service of several deployments chooses from; absent: it has none. */
  readonly deployments?: Deployments | undefined
  /** Called with each call of a service that can be unloaded. */
  readonly onUse?: ((service: ScoringService) => void) | undefined
  readonly definition: ServiceDefinition
  /** Absent: the files of the service cannot be read, or nothing needs to know them. */
  readonly spec?: ServiceSpec | undefined
  /** The files that it was opened from; absent: they do not change while the app runs. */
  readonly files?: OpenedFiles | undefined
  /** undefined: `service.json` says that the service is public. */
  readonly authorizer: Authorizer | undefined
  /** Where its requests run, or why they cannot: a reason for its owner. */
  readonly engine: Engine
  readonly documents?: OwnDocuments | undefined
  readonly metrics?: ServiceMetrics | undefined
  /** Absent: nobody asks how long its first answer took. */
  readonly coldStart?: ColdStart | undefined
  /** Absent: its requests are not traced. */
  readonly tracing?: Tracing | undefined
  /** Bytes that its requests may hold; absent: any number. */
  readonly bytes?: ByteBudget | undefined
  /** Answers carry a `Server-Timing` header. */
  readonly hasServerTiming?: boolean
  /** Loads what reads encrypted requests; absent: there are none. */
  readonly encrypted?: (() => Promise<EncryptedRequests>) | undefined
}
