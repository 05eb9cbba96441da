import type { Feeds, TensorInfo } from '../../models/session/model-session.ts'
import type { InferenceRequest } from '../../scheduling/inference-request.ts'
import type { Output } from '../../scheduling/inference-result.ts'
import type { RawRequestScript, RowScript } from '../../scripts/script.ts'
import type { LoadedService } from './load-service.ts'

/** An output before it crosses to the main thread. */
export type RunOutput = Output<Uint8Array | ReadableStream<Uint8Array>>

/** The inputs of a request. */
export interface DecodedFeeds {
  readonly feeds: Feeds
  /** What the request says of its answer, such as which outputs it wants; only its codec knows what it is. */
  readonly form?: unknown
  /** There is nothing to run: the answer is written of the form alone. Absent: there is. */
  readonly isAnswered?: boolean
}

/**
 * Port: how one protocol reads requests and writes answers inside a worker. A request names its codec, so that requests of
 * several protocols share runs. `compose/scoring-thread.ts` lists the codecs.
 */
export interface Codec {
  /** Its requests are parts of batch jobs, which nobody waits for. Absent: no. */
  readonly isForJobs?: boolean

  /** Media types of the bodies that a service with these inputs takes besides JSON. */
  mediaTypes(inputs: readonly TensorInfo[]): readonly string[]

  /**
   * Lets the script decode a body that is for the script's own decoder, which may wait for other things, whereas
   * `decodeRows` is done at once.
   *
   * @returns undefined when the body is not for that decoder
   */
  decodeByScript(request: InferenceRequest, script: RowScript): (() => Promise<DecodedFeeds>) | undefined

  /**
   * The tensors of a request that needs nothing of the script.
   *
   * @throws ScoringError 4xx naming what is wrong with the body
   */
  decodeRows(request: InferenceRequest, script: RowScript, service: LoadedService): DecodedFeeds

  /**
   * The argument of a script that reads a request as a whole: text, checked members, or a `Request`.
   *
   * @throws ScoringError 4xx naming what is wrong with the body
   */
  decodeWhole(request: InferenceRequest, script: RawRequestScript, service: LoadedService): unknown

  /**
   * Writes what `run` returned.
   *
   * @param form  what the codec found in the request when it decoded it
   * @throws ScoringError OUTPUT_NOT_SERIALISABLE, or a 4xx where the request asks for what there is not
   */
  encode(result: unknown, service: LoadedService, form: unknown): RunOutput | Promise<RunOutput>
}

/** The codecs by the name that requests give. */
export type Codecs = Readonly<Record<string, Codec>>
