/** What a workspace knows of services, without asking the app. */
import type { InferenceConfig } from './inference-config.ts'
import type { Model } from './model.ts'

/** A service as it is kept: its `service.json` in short. */
export interface ServiceRecord {
  readonly name: string
  readonly auth: 'key' | 'token' | 'none'
  readonly description: string
  readonly tags: Readonly<Record<string, string>>
  readonly properties: Readonly<Record<string, string>>
  /** Its models. */
  readonly models: readonly { readonly name: string; readonly version: string | undefined }[]
  /** The version that is to be served, where it is known. */
  readonly version: string | undefined
  /** SHA-256 of its `service.json`, hexadecimal: the app shows that of the definition it has loaded. */
  readonly digest: string
  /** Of the tokens that are taken. */
  readonly audience: string | undefined
}

/** What `Webservice.update` changes. */
export interface ServiceChange {
  /** Come together with `inferenceConfig` in Azure ML; here either may be left out. */
  readonly models?: readonly Model[] | undefined
  readonly inferenceConfig?: InferenceConfig | undefined
  readonly description?: string | undefined
  /** Replace the tags that there are. */
  readonly tags?: Readonly<Record<string, string>> | undefined
  /** Are added to those that there are, which do not change. */
  readonly properties?: Readonly<Record<string, string>> | undefined
  /** Whether callers need a key. */
  readonly authEnabled?: boolean | undefined
  /** Milliseconds from the arrival of a request to its answer. */
  readonly scoringTimeoutMs?: number | undefined
  /** Milliseconds that a request may be expected to wait for a free worker. */
  readonly maxRequestWaitTime?: number | undefined
}
