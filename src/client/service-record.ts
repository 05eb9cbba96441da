/** What a workspace knows of services, without asking the app. */
import type { InferenceConfig } from './inference-config.ts'
import type { Model } from './model.ts'

/** A service as it is kept: its `service.json` in short. */
export interface ServiceRecord {
  /** Of the service. */
  readonly name: string
  /** Who may call: those with a key, those with a token, or everybody. */
  readonly auth: 'key' | 'token' | 'none'
  /** One sentence for people. */
  readonly description: string
  /** Labels, which may change. */
  readonly tags: Readonly<Record<string, string>>
  /** Labels, which do not change once they are set. */
  readonly properties: Readonly<Record<string, string>>
  /** Its models. */
  readonly models: readonly { readonly name: string; readonly version: string | undefined }[]
  /** The version that is to be served, where it is known. */
  readonly version: string | undefined
  /** SHA-256 of its `service.json`, hexadecimal: the app shows that of the definition it has loaded. */
  readonly digest: string
  /** By name; undefined: the service has but one. */
  readonly deployments: Readonly<Record<string, DeploymentRecord>> | undefined
  /** Of the tokens that are taken. */
  readonly audience: string | undefined
}

/** One of several deployments of a service. */
export interface DeploymentRecord {
  /** Percent of the requests that it answers. */
  readonly weight: number
  /** Percent of the requests of the others that it gets a copy of. */
  readonly mirror: number
  /** Its models. */
  readonly models: ServiceRecord['models']
}

/** A deployment to add to a service, or to replace. */
export interface NewDeployment {
  /** Registered models, as for `Model.deploy`. */
  readonly models: readonly Model[]
  /** Percent of the requests that it gets copies of; its answers are compared and counted, and not sent (0). */
  readonly mirror?: number | undefined
  /** What the deployment that there is shall be called, where the service has none by name (`blue`). */
  readonly current?: string | undefined
}

/** Who answers how many requests. */
export interface Traffic {
  /** Percent of the requests by deployment, together 100; those that are left out get none. */
  readonly weights?: Readonly<Record<string, number>> | undefined
  /** Percent of the requests of the others that a deployment gets copies of. */
  readonly mirror?: Readonly<Record<string, number>> | undefined
  /** Requests with the same value of this header go to the same deployment; null: no longer. */
  readonly stickyHeader?: string | null | undefined
}

/** What `Webservice.update` changes. */
export interface ServiceChange {
  /** Come together with `inferenceConfig` in Azure ML; here either may be left out. */
  readonly models?: readonly Model[] | undefined
  /** Replaces script, stages and sample. */
  readonly inferenceConfig?: InferenceConfig | undefined
  /** Replaces the one that there is. */
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
