import type { ErrorCode } from '../errors.ts'
import type { ServiceDefinition } from '../models/definition/definition.ts'
import type { TensorInfo } from '../models/session/model-session.ts'
import type { Placement } from '../models/session/placement.ts'

/** What a thread gets of one request. */
export interface ScoringRequest {
  readonly body: Uint8Array
  readonly contentType: string | undefined
  /** What the log calls it by: `x-request-id` of its answer. Absent: it is part of a batch job. */
  readonly id?: string | undefined
  /** Absent from most requests: everything that crosses to a thread costs time. */
  readonly details?: RequestDetails | undefined
}

/** What only some scripts and some bodies need of a request. */
export interface RequestDetails {
  /** The request line and headers, for scripts that take the whole request. */
  readonly http?: {
    readonly method: string
    readonly url: string
    readonly headers: readonly (readonly [string, string])[]
  }
  /** For scripts whose `run` has a second parameter. */
  readonly headers?: readonly (readonly [string, string])[]
  /** What the caller said of the elements in a body that is not JSON. */
  readonly layout?: TensorLayout
}

/** The words of the caller, e.g. `1,3,224,224` and `float32`. */
export interface TensorLayout {
  readonly shape?: string | undefined
  readonly dtype?: string | undefined
}

/**
 * What comes back for it. `execMs` is the time of the run that the request took part in; `executionProvider` is there
 * where threads of a service may run on different ones.
 */
export type ScoringAnswer =
  | { readonly json: string; readonly execMs: number; readonly executionProvider?: string; readonly times?: StageTimes }
  | ResponseAnswer<Uint8Array | ReadableStream<Uint8Array>>
  | FailedAnswer

/** An answer whose body is there. */
export type WholeAnswer = Exclude<ScoringAnswer, ResponseAnswer<unknown>> | ResponseAnswer<Uint8Array>

/** What a script answered itself. A body that is a stream comes while the thread has other requests already. */
export interface ResponseAnswer<Body> {
  readonly status: number
  readonly headers: readonly (readonly [string, string])[]
  readonly body: Body
  readonly execMs: number
  readonly times?: StageTimes
  readonly executionProvider?: string
}

/** Lets go of an answer that nobody gets. */
export function discard(answer: ScoringAnswer): void {
  if ('body' in answer && !ArrayBuffer.isView(answer.body)) answer.body.cancel().catch(() => {})
}

export interface FailedAnswer {
  readonly code: ErrorCode
  readonly message: string
  /** When it is worth to try again, where somebody knows. */
  readonly retryAfterSeconds?: number
}

/** Where the time of a request went besides its run, in milliseconds. */
export interface StageTimes {
  /** From its acceptance until a thread got it, which only the owner of the thread knows. */
  queueMs: number
  /** In its thread, while others of the same dispatch had their turn. */
  readonly batchMs: number
  readonly decodeMs: number
  readonly encodeMs: number
}

/** What a thread ran since it last told. */
export interface RunTally {
  /** For each call of `run`: requests, rows (0: they have none), milliseconds. */
  readonly runs: readonly number[]
  /** Runs of several requests that failed and were run in parts. */
  readonly bisected: number
}

/** How `run` of an entry script is called (design: entry scripts): text, checked input, or the request itself. */
export type ScriptKind = 'raw' | 'typed' | 'rawHttp'

/** A model that a local cache of optimized models could have had. */
export interface UncachedModel {
  readonly path: string
  readonly accelerator: ServiceDefinition['accelerator']
}

/** Elements of a tensor in an example; larger ones help nobody and make a document of megabytes. */
export const maxExampleElements = 4096

/** What a thread found while it loaded a service. */
export interface LoadReport {
  readonly scriptKind: ScriptKind
  /** `run` has a second parameter, for the headers of the request. */
  readonly takesHeaders: boolean
  /** What ran the models: one name, or several with a comma where stages or nodes differ. */
  readonly executionProvider: string
  readonly inputs: readonly TensorInfo[]
  /** What may be given beside them. */
  readonly optionalInputs?: readonly TensorInfo[] | undefined
  readonly outputs: readonly TensorInfo[]
  /** Members of the answer that are lists of tensors, see `listsOf`. */
  readonly lists?: readonly string[] | undefined
  /** Names of the stages of a pipeline, in order; undefined: it is none. */
  readonly stages?: readonly string[] | undefined
  /** Media types of bodies that the service takes besides JSON. */
  readonly mediaTypes?: readonly string[]
  /** JSON text of a request body that the service takes: its owner's, or one that was made up and could be scored. */
  readonly inputSample?: string | undefined
  /** `inputSample` was scored while the service was loaded; else it only shows the form. */
  readonly isSampleScored?: boolean
  /** JSON Schema (draft 2020-12) of the request body, when the script declares its input by a schema. */
  readonly inputJsonSchema?: Readonly<Record<string, unknown>> | undefined
  /** JSON text of the answer to `inputSample`, when it is short enough to be shown. */
  readonly outputSample?: string | undefined
  /** JSON Schema (draft 2020-12) of the answer of an entry script: declared, else read off the answer to a sample. */
  readonly outputJsonSchema?: Readonly<Record<string, unknown>> | undefined
  /** Where the nodes of those models ran that were not asked to run on the CPU. */
  readonly placements?: readonly Placement[]
  /** Whether rows of several requests may share one run. */
  readonly isBatchable: boolean
  /**
   * Whether rows that come in one request get the answers of each alone, on the first axis of what it answers; undefined: as
   * `isBatchable`.
   */
  readonly rowsMayShareRequest?: boolean
  /** Why not, or what else the owner should know. */
  readonly notes: readonly string[]
  readonly uncached?: readonly UncachedModel[] | undefined
  readonly loadMs: number
  readonly warmUpMs: number
}

/**
 * A body of this size or more is moved to the thread, not copied, and handed over alone: should the thread die, it is
 * gone with it, and only the request that was being run may lose it. (Copying less takes 0.1 ms at most.)
 */
export const movedFromBytes = 2 ** 20

/** Most requests in one dispatch; bounds the shared progress board. */
export const maxDispatchSize = 256

/**
 * Where a request of a dispatch stands, as the thread writes it on the progress board; its owner may withdraw it.
 * `decoding`: the script's own `decode` has begun and is waiting for something, so that the thread can do other work.
 */
export const progress = { waiting: 0, running: 1, answered: 2, withdrawn: 3, decoding: 4 } as const
