import type { Feeds } from '../models/session/model-session.ts'
import type { Tensor } from '../tensor/tensor.ts'

/** One request as it crosses to a worker: a body or tensors, and what is needed to read them. */
export interface InferenceRequest {
  /** The codec that reads the request and writes the answer, e.g. `azureml`. */
  readonly codec: string
  readonly body: Uint8Array
  /** Inputs by name, where they came as tensors; the body is empty then. */
  readonly tensors?: Feeds | undefined
  readonly contentType: string | undefined
  /** The log names the request by it: the `x-request-id` of its answer, or the rows of a batch job. */
  readonly id?: string | undefined
  /** Absent from most requests, because everything that crosses to a thread costs time. */
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
  /** What route, headers and method say of a body that holds tensors. */
  readonly tensorCall?: TensorCall
  /** Rows of a batch job, which stand here instead of a body; only their codec knows what is said of them. */
  readonly rows?: object
  /** The features are encrypted, or public keys are to be prepared for such requests. */
  readonly encrypted?: EncryptedDetails
}

export type EncryptedDetails =
  /** The body is JSON of the Python package `encrypted-inference`. Threads share the memory of prepared keys. */
  | { readonly kind: 'original'; readonly keys: SharedArrayBuffer }
  /** The body is JSON or bytes of our client; the answer is JSON, or bytes where `isBinary` says so. */
  | { readonly kind: 'fast'; readonly isJson: boolean; readonly isBinary: boolean }
  /** The body is public keys, which are checked and prepared in `target`. */
  | { readonly kind: 'keys'; readonly target: SharedArrayBuffer }

/** A request of a protocol whose bodies hold tensors by name. */
export interface TensorCall {
  /** The model as the caller named it, which its answer repeats; undefined: the caller named none. */
  readonly model: string | undefined
  /** The version that answers, e.g. `1`. */
  readonly version: string
  /** The caller chose the service by a header, beside what the message says; absent: no. */
  readonly isRouted?: boolean
  /** Bytes at the beginning of the body that are JSON, where binary tensors follow; absent: all. */
  readonly textBytes?: number
  /** The body is a message of a stream, whose answers are wrapped. */
  readonly isStreamed?: boolean
}

/** The words of the caller, e.g. `1,3,224,224` and `float32`. */
export interface TensorLayout {
  readonly shape?: string | undefined
  readonly dtype?: string | undefined
}

/** How the names of rows of batch jobs begin, see `jobs/score/request-name.ts`. */
export const jobRowsPrefix = 'job:'

/**
 * A caller may choose any `x-request-id`. One that reads like rows of a batch job would accuse these rows when the process ends.
 *
 * @returns the request, by a name that no rows have
 */
export function namedByCaller(request: InferenceRequest): InferenceRequest {
  return request.id?.startsWith(jobRowsPrefix) ? { ...request, id: `caller:${request.id}` } : request
}

/** Bytes that a request holds: its body or its tensors. */
export function countBytes({ body, tensors }: InferenceRequest): number {
  return tensors === undefined ? body.byteLength : tensorBytes(tensors)
}

/** Bytes of the elements; text counts as two bytes for each code unit. */
export function tensorBytes(tensors: Feeds): number {
  let bytes = 0
  for (const name in tensors) {
    const { data } = tensors[name] as Tensor
    if (!Array.isArray(data)) bytes += data.byteLength
    else for (const text of data) bytes += 2 * text.length
  }
  return bytes
}
