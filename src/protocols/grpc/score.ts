/** Calls whose messages are scored: authorize, admit, read, run. The message stays with its sender until the caller is authorized. */
import { asScoringError, ScoringError } from '../../errors.ts'
import type { ScoringService } from '../../inference/scoring-service.ts'
import { modelVersion } from '../../models/catalogue/find-model.ts'
import { sharedFromBytes } from '../../scheduling/body-memory.ts'
import type { EncodedBytes, InferenceResult } from '../../scheduling/inference-result.ts'
import { chooseDeployment } from '../http/choose-deployment.ts'
import type { BodyAccount } from '../http/read-body.ts'
import { addResultHeaders, addServiceHeaders, releaseWithAnswer } from '../http/scored-call.ts'
import { headersForScripts } from '../http/script-headers.ts'
import type { Http2Call } from './call.ts'
import { traceCall } from './call-span.ts'
import { findField } from './find-field.ts'
import type { IncomingMessage } from './incoming-messages.ts'
import type { NamedModel, ScoredMessages, ScoreMethod, ScoreStreamMethod } from './method.ts'

/** What a call did, for metrics and log. */
export interface CallOutcome {
  service?: ScoringService
  rows?: number
}

/**
 * Scores one message and answers it.
 *
 * @param outcome  is filled in as far as the call gets
 * @throws ScoringError for a call that fails
 */
export async function answerScore(call: Http2Call, method: ScoreMethod, outcome: CallOutcome): Promise<void> {
  const message = await call.messages.next(true)
  if (!message) throw new ScoringError('BODY_EMPTY', 'The call ended without a message.')
  const named = readModel(call, method, call.route === undefined ? await message.readHead() : undefined)
  const found = call.findService(named)
  outcome.service = found
  const service = found.deployments ? await chooseFor(call, found) : found
  outcome.service = service
  const account = service.openAccount()
  try {
    const result = await infer(call, { method, message, named, service, account })
    outcome.rows = result.rowCount
    addResultHeaders(call.headers, service, result)
    call.answer(result.body)
    releaseWithAnswer(account, call, result)
  } catch (failure) {
    account.held.release()
    throw failure
  }
}

/** Most messages of one stream that are read and not answered. */
const maxUnanswered = 16

/** Enough of a message for what the answer to its failure repeats: the id stands behind the model's name and version. */
const keptHeadBytes = 4096

/** Failures of the caller rather than of a message. */
const endsStream: ReadonlySet<number> = new Set([401, 403, 429])

/**
 * Scores message after message. Several are under way at a time, so that they can share runs; the answers keep the order.
 *
 * @throws ScoringError for a call that fails, after what has been read is answered
 */
export async function answerScoreStream(call: Http2Call, method: ScoreStreamMethod): Promise<void> {
  const authorized = new Set<ScoringService>()
  const unanswered: Promise<void>[] = []
  let last: Promise<void> = Promise.resolve()
  let end: unknown
  const timer = failAtDeadline(call)
  try {
    // A caller who has shown its key may take its time.
    for (
      let message = await call.messages.next(true);
      message;
      message = await call.messages.next(authorized.size === 0)
    ) {
      const scored = new StreamedMessage(call, method, message)
      const result = scored.score(authorized)
      result.catch(() => {}) // `answered` has it as well
      await scored.read
      const answered = last.then(
        () => scored.answer(result),
        failure => scored.drop(result, failure),
      )
      answered.catch(failure => call.messages.fail(failure)) // nobody may send the message that is waited for
      last = answered
      unanswered.push(answered)
      if (unanswered.length >= maxUnanswered) await unanswered.shift()
    }
  } catch (failure) {
    end = failure
  }
  clearTimeout(timer)
  await last
  if (end !== undefined) throw end
}

/** Ends the wait for messages when the caller's time is up. @throws ScoringError HEADER_INVALID */
function failAtDeadline(call: Http2Call): NodeJS.Timeout | undefined {
  const deadline = call.readDeadline()
  if (!deadline || deadline.timeoutMs > longestTimerMs) return undefined
  const { timeoutMs, since } = deadline
  const fail = () =>
    call.messages.fail(
      new ScoringError('SCORING_TIMEOUT', `The stream was open for ${timeoutMs} ms, its grpc-timeout.`),
    )
  return setTimeout(fail, since + timeoutMs - performance.now()).unref()
}

/** Node.js runs a timer that is longer than this at once. */
const longestTimerMs = 2 ** 31 - 1

/** One message of a stream. */
class StreamedMessage {
  /** Settles when the next message can be read. */
  readonly read: Promise<void>
  readonly #call: Http2Call
  readonly #method: ScoreStreamMethod
  readonly #message: IncomingMessage
  readonly #startedAt = performance.now()
  #finishRead: () => void = () => {}
  #service: ScoringService | undefined
  #account: BodyAccount | undefined
  #head: Uint8Array | undefined

  constructor(call: Http2Call, method: ScoreStreamMethod, message: IncomingMessage) {
    this.#call = call
    this.#method = method
    this.#message = message
    this.read = new Promise(resolve => {
      this.#finishRead = resolve
    })
  }

  async score(authorized: Set<ScoringService>): Promise<EncodedBytes> {
    try {
      const head = await this.#message.readHead()
      // A copy, as the message itself goes to a worker, and `slice` of Node's buffers keeps the whole frame.
      this.#head = new Uint8Array(head.subarray(0, keptHeadBytes))
      const named = readModel(this.#call, this.#method, head)
      const found = this.#call.findService(named)
      const service = found.deployments ? await chooseFor(this.#call, found) : found
      this.#service = service
      this.#account = service.openAccount()
      return await infer(this.#call, {
        ...{ method: this.#method, message: this.#message, named, service, account: this.#account },
        stream: {
          isAuthorized: authorized.has(service),
          onRead: () => {
            authorized.add(service)
            this.#finishRead()
          },
        },
      })
    } catch (failure) {
      const refused = asScoringError(failure)
      // What was refused before it was read is in the way of the next message, where one may follow.
      if (endsStream.has(refused.status)) this.#call.messages.fail(refused)
      else await this.#message.discard().catch(() => {})
      throw failure
    } finally {
      this.#finishRead()
    }
  }

  /** @throws ScoringError for failures that end the stream */
  async answer(result: Promise<EncodedBytes>): Promise<void> {
    let failure: ScoringError | undefined
    try {
      const framed = await this.#encode(result)
      if (framed instanceof Uint8Array) {
        this.#account?.held.replace(framed.length)
        await this.#call.sendFramed(framed)
        return
      }
      failure = framed
      if (endsStream.has(failure.status) || failure.code === 'BODY_ABORTED') throw failure
      await this.#call.send(this.#method.encodeFailure(failure, this.#head))
    } finally {
      this.#account?.held.release()
      const ms = performance.now() - this.#startedAt
      this.#service?.metrics?.answered(this.#method.protocol, failure?.status ?? 200, failure?.code, ms)
    }
  }

  /** For a stream that an earlier message has ended, while this one is still read or scored. @throws what ended it */
  drop(result: Promise<unknown>, failure: unknown): never {
    const release = () => this.#account?.held.release()
    result.then(release, release)
    throw failure
  }

  async #encode(result: Promise<EncodedBytes>): Promise<Uint8Array | ScoringError> {
    try {
      return (await result).body
    } catch (cause) {
      return asScoringError(cause)
    }
  }
}

/** A message that is to be scored. */
interface Scoring {
  readonly method: ScoredMessages
  readonly message: IncomingMessage
  readonly named: NamedModel
  readonly service: ScoringService
  readonly account: BodyAccount
  readonly stream?: { readonly isAuthorized: boolean; readonly onRead: () => void }
}

/** @throws ScoringError */
async function infer(
  call: Http2Call,
  { method, message, named, service, account, stream }: Scoring,
): Promise<Extract<InferenceResult, EncodedBytes>> {
  const { codec } = method
  const { maxBodyBytes } = service.definition.limits
  const { route } = call
  const result = await traceCall(call, method, service, span =>
    service.infer({
      credential: call.request.headers.get('authorization'),
      caller: call.caller,
      isAuthorized: stream?.isAuthorized === true,
      span,
      declaredBytes: message.length,
      readDeadline: () => call.readDeadline(),
      isAbandoned: () => call.isAbandoned,
      onLoaded: report => addServiceHeaders(call.headers, service, report),
      read: async ({ takesHeaders }) => {
        const body = await message.read({
          ...{ maxBytes: maxBodyBytes, account, isAbandoned: () => call.isAbandoned },
          textBytes: await findTensor(message, method),
        })
        stream?.onRead()
        const tensorCall = {
          model: route ?? (named.name || service.name),
          version: modelVersion(service),
          ...(route !== undefined && { isRouted: true }),
          ...(stream && { isStreamed: true }),
        }
        const headers = takesHeaders ? { headers: headersForScripts(call.request.headers) } : undefined
        const details = { tensorCall, ...headers }
        return { codec, id: call.headers['x-request-id'], body, contentType: undefined, details }
      },
    }),
  )
  if (result.kind === 'failure') throw new ScoringError(result.code, result.message, result)
  if (result.kind !== 'bytes') throw new TypeError(`the codec ${codec} writes bytes, not ${result.kind}`)
  return result
}

/** Large messages are received so that their tensor can be read in place. @returns bytes before it, as far as they are known */
async function findTensor(message: IncomingMessage, { tensorField }: ScoredMessages): Promise<number> {
  if (message.length < sharedFromBytes) return 0
  return findField(await message.readHead(), tensorField) ?? 0
}

function chooseFor(call: Http2Call, service: ScoringService): Promise<ScoringService> {
  const header = (name: string) => call.request.headers.get(name)
  return chooseDeployment(service, { header, authorize: each => call.authorize(each) })
}

/** With a route it does not matter what the message says: the codec checks that it is the same. */
function readModel(call: Http2Call, method: ScoredMessages, head: Uint8Array | undefined): NamedModel {
  return head && call.route === undefined ? method.readModel(head) : {}
}
