/** Prints the first request to try once the services are loaded: the local key, a page, and a `curl` line that can be pasted. */
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { type IncomingMessage, request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { join } from 'node:path'
import { json } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'

/** The part of `/health/ready` that is used here. */
interface Readiness {
  services?: Record<
    string,
    {
      status: 'loading' | 'ready' | 'failed'
      example?: { body: string; isScored: boolean }
    }
  >
}

/** Services that load for longer do not hold back the key and the request of those that are ready. */
const maxLoadWaitMs = 5000

export interface FirstRequestOptions {
  /** Where the host listens, e.g. `http://localhost:7071`. */
  url: string
  appRoot: string
  /** Keys are in a vault, so the file with a developer's keys is not used, even if there is one. */
  hasVault: boolean
  /** The certificate of the host when it serves HTTPS. */
  certPath?: string
  /** Deadline for one response of `/health/ready`; 10 seconds by default. */
  readinessTimeoutMs?: number
}

/**
 * Waits until every service is loaded or has failed, then prints the first request to try.
 *
 * @throws Error when the host is gone; when it only does not respond, one line says so
 */
export async function printFirstRequest(options: FirstRequestOptions): Promise<void> {
  const { url, appRoot, hasVault, readinessTimeoutMs = 10_000 } = options
  const services = await fetchSettledServices({ ...options, readinessTimeoutMs })
  if (!services) {
    console.error(`/health/ready did not respond within ${readinessTimeoutMs / 1000} s, so no request to try is shown.`)
    return
  }
  const namesWith = (status: string) => Object.keys(services).filter(name => services[name]?.status === status)
  if (namesWith('failed').length > 0)
    console.log(`Not available: ${namesWith('failed').join(', ')} (see the errors above)\n`)
  if (namesWith('loading').length > 0) console.log(`Still loading: ${namesWith('loading').join(', ')}\n`)
  const examples = Object.entries(services).flatMap(([name, { example }]) => (example ? [{ name, ...example }] : []))
  // A request that works when pasted goes before one that only shows the form.
  const chosen = examples.find(({ isScored }) => isScored) ?? examples[0]
  if (!chosen) return
  const { name, isScored } = chosen
  const key = hasVault ? undefined : await readKey(appRoot, name)
  if (key) console.log(`Local key of ${name} (the others are in .local/keys.json): ${key}\n`)
  if (hasVault) console.log(`Keys are in the vault; the key of ${name} is the secret ${name}-primary-key\n`)
  console.log(`Try ${name} in a browser: ${url}/api/v1/service/${name}/docs\n`)
  const title = isScored ? `Score ${name}` : `Score ${name} (replace the values: these only show the form)`
  const line = curlLine(options, name, { key: hasVault ? '<key>' : key, body: onOneLine(chosen.body) })
  console.log(`${title}:\n\n${line}\n`)
}

function curlLine(
  { url, certPath }: FirstRequestOptions,
  service: string,
  { key, body }: { key: string | undefined; body: string },
): string {
  const trust = certPath ? `--cacert ${quote(certPath)} ` : ''
  const bearer = key ? `-H 'Authorization: Bearer ${key}' ` : ''
  return `curl ${trust}${url}/api/v1/service/${service}/score ${bearer}-H 'Content-Type: application/json' -d ${quote(body)}`
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}

type ReadinessSource = FirstRequestOptions & { readinessTimeoutMs: number }

/** @returns undefined when the host does not respond in time */
async function fetchSettledServices(source: ReadinessSource): Promise<Readiness['services']> {
  for (const startedAt = performance.now(); ; await delay(50)) {
    const readiness = await fetchReadiness(source)
    if (!readiness) return undefined
    const { services = {} } = readiness
    const isLate = performance.now() - startedAt > maxLoadWaitMs
    const statuses = Object.values(services).map(({ status }) => status)
    if (!statuses.includes('loading') || (isLate && statuses.includes('ready'))) return services
  }
}

/** @returns undefined when the complete response has not come in time */
async function fetchReadiness({ url, certPath, readinessTimeoutMs }: ReadinessSource): Promise<Readiness | undefined> {
  const target = new URL('/health/ready', url)
  // Only the host's own certificate is trusted, whatever name it is for.
  const tls = certPath ? { ca: await readFile(certPath), checkServerIdentity: () => undefined } : {}
  const send = target.protocol === 'https:' ? requestHttps : requestHttp
  const signal = AbortSignal.timeout(readinessTimeoutMs)
  try {
    const request = send(target, { ...tls, agent: false, signal }).end()
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    return (await json(response)) as Readiness
  } catch (failure) {
    if (signal.aborted) return undefined
    throw failure
  }
}

/** TypeScript does not know `JSON.rawJSON` yet (ECMAScript proposal, source text access). */
const { rawJSON: rawJson } = JSON as unknown as { rawJSON(text: string): unknown }

/** Removes line breaks from JSON text, and leaves each number as it was written. Other text stays as it is. */
function onOneLine(text: string): string {
  const asWritten = (_name: string, value: unknown, { source }: { source?: string }) =>
    typeof value === 'number' && source !== undefined ? rawJson(source) : value
  try {
    return JSON.stringify(JSON.parse(text, asWritten as (name: string, value: unknown) => unknown))
  } catch {
    return text
  }
}

async function readKey(appRoot: string, service: string): Promise<string | undefined> {
  try {
    const keys = JSON.parse(await readFile(join(appRoot, '.local', 'keys.json'), 'utf8'))
    return keys[service]?.primary
  } catch {
    return undefined
  }
}
