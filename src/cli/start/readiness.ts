/** Asks a running app which services it has, and in which state they are. */
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { type IncomingMessage, request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { json } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'

/** The part of a service in `/health/ready` that is used here. */
export interface ServiceState {
  /** `idle`: it loads with its first request. */
  readonly status: 'loading' | 'ready' | 'failed' | 'idle'
  /** Why it has failed. */
  readonly reason?: string
  readonly version?: string
  readonly availableVersions?: readonly string[]
  readonly auth?: 'key' | 'token' | 'none'
  /** e.g. `blobs requests/{name} -> answers/{name}` */
  readonly triggers?: readonly string[]
  readonly notes?: readonly string[]
  readonly example?: { readonly body: string; readonly isScored: boolean }
}

/** By name; empty outside Development, where only those with a key see them. */
export type ServiceStates = Readonly<Record<string, ServiceState>>

export interface ReadinessSource {
  /** Where the host listens, e.g. `http://localhost:7071`. */
  readonly url: string
  /** The certificate of the host when it serves HTTPS. */
  readonly certPath?: string | undefined
  /** Deadline for one response. */
  readonly timeoutMs: number
  /** Services that load for longer are not waited for. */
  readonly maxLoadWaitMs: number
}

/**
 * Waits until every service is loaded or has failed, or until `maxLoadWaitMs`.
 *
 * @returns undefined when the host does not respond in time
 * @throws Error when the host is gone
 */
export async function waitForServices(source: ReadinessSource): Promise<ServiceStates | undefined> {
  for (const startedAt = performance.now(); ; await delay(50)) {
    const services = await fetchServices(source)
    const isLate = performance.now() - startedAt > source.maxLoadWaitMs
    if (!services || isLate || Object.values(services).every(({ status }) => status !== 'loading')) return services
  }
}

/** @returns undefined when the complete response has not come in time */
async function fetchServices({ url, certPath, timeoutMs }: ReadinessSource): Promise<ServiceStates | undefined> {
  const target = new URL('/health/ready', url)
  // Only the host's own certificate is trusted, whatever name it is for.
  const tls = certPath ? { ca: await readFile(certPath), checkServerIdentity: () => undefined } : {}
  const send = target.protocol === 'https:' ? requestHttps : requestHttp
  const signal = AbortSignal.timeout(timeoutMs)
  try {
    const request = send(target, { ...tls, agent: false, signal }).end()
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    const { services = {} } = (await json(response)) as { services?: ServiceStates }
    return services
  } catch (failure) {
    if (signal.aborted) return undefined
    throw failure
  }
}
