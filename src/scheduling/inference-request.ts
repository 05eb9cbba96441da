/** One request as it crosses to a worker: the bytes of a body and what is needed to read them. */
export interface InferenceRequest {
  readonly body: Uint8Array
  readonly contentType: string | undefined
  /** The log names the request by it: the `x-request-id` of its answer. Absent: it is part of a batch job. */
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
}

/** The words of the caller, e.g. `1,3,224,224` and `float32`. */
export interface TensorLayout {
  readonly shape?: string | undefined
  readonly dtype?: string | undefined
}
