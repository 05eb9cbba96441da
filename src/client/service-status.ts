/** What the app says of a service, and how that compares with what a workspace has. */
import { encodeAuthorization, type Fetch } from './caller.ts'
import type { Credential } from './credential.ts'
import { decodeJson } from './json.ts'
import { unreachable } from './read-failure.ts'
import type { ServiceRecord } from './service-record.ts'

/** As Azure ML calls them; `Unknown`: the app does not tell, e.g. because it does not run. */
export type ServiceState = 'Transitioning' | 'Healthy' | 'Unhealthy' | 'Failed' | 'Unknown'

/** What the app says of a service. */
export interface ServiceStatus {
  /** `Healthy` when what is written is served. */
  readonly state: ServiceState
  /** Why it has failed, or why nothing is known. */
  readonly reason?: string
  /** The version of the model that is served. */
  readonly version?: string
  /** What its owner should know, e.g. that no other request shares a run. */
  readonly notes?: readonly string[]
}

/** A service in `/health/ready`. */
export interface Health {
  readonly status: 'loading' | 'ready' | 'failed' | 'idle'
  readonly reason?: string
  readonly version?: string
  readonly notes?: readonly string[]
  /** SHA-256 of its `service.json`. */
  readonly definition?: string
  /** Why a change is not served. */
  readonly rejectedChange?: { readonly reason: string; readonly definition?: string }
}

/** @param health  undefined: the app does not show the service */
function describeHealth(health: Health | undefined, record: ServiceRecord | undefined): ServiceStatus {
  if (!health) return { state: 'Transitioning', reason: 'the app does not show it yet' }
  const { status, reason, version, notes, definition, rejectedChange } = health
  const facts = { ...(version !== undefined && { version }), ...(notes !== undefined && { notes }) }
  const isCurrent = !record || definition === undefined || definition === record.digest
  if (isCurrent && status === 'failed') return { state: 'Failed', reason: reason ?? 'it could not be loaded', ...facts }
  if (isCurrent && (status === 'ready' || status === 'idle')) return { state: 'Healthy', ...facts }
  if (isCurrent) return { state: 'Transitioning', reason: 'it is loading', ...facts }
  if (rejectedChange?.definition === record.digest)
    return { state: 'Unhealthy', reason: `an earlier definition is served: ${rejectedChange.reason}`, ...facts }
  return { state: 'Transitioning', reason: 'an earlier definition is served until the new one has loaded', ...facts }
}

/** Reads the state of a service. A failure is a state too. @throws the reason of `reader.signal` */
export async function readStatus(
  findAddress: () => Promise<string>,
  reader: HealthReader,
  record: ServiceRecord | undefined,
): Promise<ServiceStatus> {
  try {
    return describeHealth(await fetchHealth(await findAddress(), reader), record)
  } catch (failure) {
    reader.signal?.throwIfAborted()
    return { state: 'Unknown', reason: failure instanceof Error ? failure.message : String(failure) }
  }
}

/** A vault or an app that does not answer holds nobody up for longer. */
const readTimeoutMs = 30_000

interface HealthReader {
  readonly service: string
  readonly fetch: Fetch
  readonly credential: Credential
  readonly signal: AbortSignal | undefined
}

/**
 * Asks the app for the health of a service, which it shows in full to callers with a key of the service.
 *
 * @param address  of the service, e.g. `http://localhost:7071/api/v1/service/iris`
 * @returns undefined: the app does not show it
 * @throws RequestError when there was no answer; the reason of `signal`; what reading the credential throws
 */
async function fetchHealth(
  address: string,
  { service, fetch, credential, signal }: HealthReader,
): Promise<Health | undefined> {
  const url = `${address.replace(/\/api\/v1\/service\/[^/]*$/, '')}/health/ready`
  const key = await credential.get(signal ?? AbortSignal.timeout(readTimeoutMs))
  const headers = key === undefined ? {} : { authorization: encodeAuthorization(key) }
  const limit = signal ?? AbortSignal.timeout(readTimeoutMs)
  // A key must not travel to another address.
  const response = await fetch(url, { headers, signal: limit, redirect: 'error' }).catch(cause => {
    throw limit.aborted ? limit.reason : unreachable(url, cause)
  })
  const { services = {} } = Object(decodeJson(await response.text())) as { services?: Record<string, Health> }
  return services[service]
}
