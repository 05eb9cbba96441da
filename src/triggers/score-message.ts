/** What all triggers besides HTTP have in common: one message is one body, and goes the path of every score. */
import { isServerFault, ScoringError } from '../errors.ts'
import type { ScoringService } from '../inference/scoring-service.ts'
import { readWholeResult } from '../inference/whole-result.ts'
import { readRequest } from '../protocols/azureml/read-request.ts'
import { encodeResponse } from '../protocols/azureml/respond.ts'
import { chooseDeployment } from '../protocols/http/choose-deployment.ts'
import { readFailure } from '../protocols/http/failure.ts'
import type { WholeResult } from '../scheduling/inference-result.ts'
import { spanAttribute } from '../telemetry/metric-names.ts'
import type { ServiceMetrics, TriggerName } from '../telemetry/service-metrics.ts'
import type { TraceContext } from '../telemetry/trace-context.ts'
import type { Span } from '../telemetry/tracing.ts'
import { asWireRequest, type Message } from './message.ts'
import { endMessageSpan, startMessageSpan } from './trace-message.ts'

/** What a service answered to a message. */
export interface Answer {
  readonly body: Uint8Array
  readonly contentType: string
}

/** What becomes of a message. */
export type Outcome =
  | { readonly kind: 'answered'; readonly answer: Answer }
  /** However often it is tried, it will fail: its sender has to change it. */
  | {
      readonly kind: 'refused'
      readonly error: ScoringError
      /** What the entry script answered, for the sender: it may quote the message, so it is not for the log. */
      readonly detail?: string
    }
  /** Another try may succeed. */
  | { readonly kind: 'failed'; readonly error: ScoringError }

/** What became of a message, and the metrics of the service or deployment that it went to; undefined: it went to none. */
export type Scored = Outcome & { readonly metrics: ServiceMetrics | undefined }

export interface Scoring {
  readonly trigger: TriggerName
  /** The span of the host's invocation, where the host has one. */
  readonly hostTrace?: TraceContext | undefined
  /** @throws ScoringError SERVICE_UNKNOWN */
  readonly find: () => Promise<ScoringService>
  readonly wait: (ms: number) => Promise<unknown>
  /** Milliseconds of a clock that never jumps. */
  readonly now: () => number
}

/** The service is busy or not there yet. A message has time, so it waits here before its delivery counts as a failure. */
const busy = new Set(['QUEUE_FULL', 'SERVICE_LOADING'])
const pauseMs = 1000

/** Scores a message. Access to its queue or container is the authorization, so no key is checked. Never throws. */
export async function scoreMessage(message: Message, scoring: Scoring): Promise<Scored> {
  const { trigger, find, wait, now } = scoring
  let service: ScoringService | undefined
  let span: Span | undefined
  const startedAt = now()
  for (;;) {
    const triedAt = now()
    let outcome: Outcome
    try {
      service = await find()
      service = await chooseDeployment(service, nobody)
      span ??= startMessageSpan(service, message, scoring)
      outcome = readOutcome(await scoreOnce(service, message, span))
    } catch (failure) {
      outcome = judge(readFailure(failure, { 'x-request-id': message.id }, service?.name))
    }
    const error = outcome.kind === 'answered' ? undefined : outcome.error
    service?.metrics?.answered(trigger, error?.status ?? 200, error?.code, now() - triedAt)
    const isBusy = error !== undefined && busy.has(error.code)
    if (service && isBusy && now() - startedAt + pauseMs <= service.definition.limits.timeoutMs) {
      await wait(pauseMs)
      continue
    }
    if (error === undefined) service?.answered(startedAt)
    if (span && service) endMessageSpan(span, service, error)
    return { ...outcome, metrics: service?.metrics }
  }
}

/** A message names no deployment, so that the weights choose; and there is no caller from whom they would be hidden. */
const nobody = { header: () => null, authorize: () => {} }

async function scoreOnce(service: ScoringService, message: Message, span: Span | undefined): Promise<WholeResult> {
  const request = asWireRequest(service.name, message)
  const account = service.openAccount()
  try {
    const result = await service.infer({
      credential: null,
      caller: { clientAddress: () => '', isDryRun: false },
      isAuthorized: true,
      declaredBytes: message.body.byteLength,
      readDeadline: () => undefined,
      span,
      isAbandoned: () => false,
      onLoaded: () => {},
      read: async report => {
        const { maxBodyBytes } = service.definition.limits
        const read = await readRequest(request, { report, maxBodyBytes, account, id: message.id })
        const encrypted = service.encrypted && (await (await service.encrypted()).read(service, report, read, false))
        return encrypted ?? read
      },
    })
    const whole = await readWholeResult(result)
    if (whole.kind !== 'failure' && whole.rowCount > 0) span?.set({ [spanAttribute.rows]: whole.rowCount })
    return whole
  } finally {
    account.held.release()
  }
}

function readOutcome(result: WholeResult): Outcome {
  if (result.kind === 'failure') return judge(new ScoringError(result.code, result.message, result))
  const { status, headers, body } = encodeResponse(result, {})
  const fields: readonly (readonly [string, string])[] = Array.isArray(headers) ? headers : Object.entries(headers)
  const [, contentType] = fields.find(([name]) => name.toLowerCase() === 'content-type') ?? []
  const bytes = typeof body === 'string' ? Buffer.from(body) : ((body ?? new Uint8Array()) as Uint8Array)
  if (status >= 400) {
    const error = new ScoringError('ENTRY_SCRIPT_FAILED', `the entry script answered with status ${status}`)
    if (!isFinal(status)) return { kind: 'failed', error }
    const isText = /^(text\/|application\/json\b)/i.test(contentType ?? '')
    return { kind: 'refused', error, ...(isText && { detail: Buffer.from(bytes).toString().slice(0, maxDetail) }) }
  }
  return { kind: 'answered', answer: { body: bytes, contentType: contentType ?? 'application/octet-stream' } }
}

/** Not the message's fault, though the status says so: the service may come or get weights, or the upload is cut. */
const mayPass = new Set(['SERVICE_UNKNOWN', 'DEPLOYMENT_UNKNOWN', 'BODY_ABORTED', 'PUBLIC_KEYS_UNKNOWN'])

function judge(error: ScoringError): Outcome {
  return { kind: isFinal(error.status) && !mayPass.has(error.code) ? 'refused' : 'failed', error }
}

/** 408 and 429 ask to try again. */
function isFinal(status: number): boolean {
  return !isServerFault(status) && status !== 408 && status !== 429
}

const maxDetail = 1000

/** The message for the sender: with what the entry script answered. */
export function explainRefusal({ error, detail }: { readonly error: ScoringError; readonly detail?: string }): string {
  return detail === undefined || detail === '' ? error.message : `${error.message}: ${detail}`
}

/** For the log and for operators: `INPUT_SHAPE_MISMATCH: input "data" has shape [1, 3]; …` */
export function describeError({ code, message }: ScoringError): string {
  return `${code}: ${message}`
}

/** The run of a message did not end well. The host logs it without a stack, and delivers the message again. */
export class MessageFailed extends Error {
  override readonly name = 'MessageFailed'

  constructor(what: string, reason: ScoringError | string) {
    super(`${what}: ${typeof reason === 'string' ? reason : describeError(reason)}`)
    this.stack = `${this.name}: ${this.message}`
  }
}
