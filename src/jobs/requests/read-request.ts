import type { ScoringService } from '../../inference/scoring-service.ts'
import { watchedContainers } from '../../models/definition/job-watch.ts'
import { readTraceContext } from '../../telemetry/trace-context.ts'
import { type JobRequest, parseJobRequest, type RequestLimits } from './job-request.ts'
import type { StagedFile } from './staged-file.ts'
import type { JobSubmission } from './submission.ts'

export interface RequestContext extends RequestLimits {
  /** @throws ScoringError SERVICE_UNKNOWN */
  find(service: string): ScoringService
}

interface NamedJob extends Pick<JobRequest, 'service' | 'jobId'> {
  /** Absent: the submission names its input. */
  readonly file?: StagedFile | undefined
}

/**
 * Reads a submission with what its service adds to the limits of the app: containers that it watches, and whether it takes encrypted
 * rows. Whether there is such a service is asked when the job is created.
 *
 * @throws ScoringError as `parseJobRequest`
 */
export function readJobRequest(context: RequestContext, job: NamedJob, submission: JobSubmission): JobRequest {
  const definition = findIfAny(context, job.service)?.definition
  const takesEncrypted = definition?.encrypted !== false
  const watched = definition ? watchedContainers(definition.jobs) : []
  const containers = [...context.containers, ...watched]
  const limits = { ...context, containers }
  const trace = readTraceContext(submission.traceparent, submission.tracestate)
  return { ...parseJobRequest({ ...job, takesEncrypted }, submission, limits), ...(trace && { trace }) }
}

/** @returns undefined when there is no such service */
export function findIfAny(context: Pick<RequestContext, 'find'>, service: string): ScoringService | undefined {
  try {
    return context.find(service)
  } catch {
    return undefined // there is none, which is said where it matters
  }
}
