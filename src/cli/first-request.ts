/** What `npm start` prints once the services are loaded: the local key, a page to try, and a `curl` line that works when pasted. */
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

/** A service that loads for longer does not hold back the others' key and line. */
const maxLoadWaitMs = 5000

export interface FirstRequestOptions {
  /** Where the host listens, e.g. `http://localhost:7071`. */
  url: string
  appRoot: string
  /** Keys are in a vault, so that the file with those of a developer is out of use, even where there is one. */
  hasVault: boolean
  /** The certificate that the host shows, when it speaks HTTPS. */
  certPath?: string
}

/** Waits until every service is loaded or has failed, then prints the first request to try. */
export async function printFirstRequest(options: FirstRequestOptions): Promise<void> {
  const services = await fetchSettledServices(options)
  const namesWith = (status: string) => Object.keys(services).filter(name => services[name]?.status === status)
  if (namesWith('failed').length > 0)
    console.log(`Not available: ${namesWith('failed').join(', ')} (the reasons stand above)\n`)
  if (namesWith('loading').length > 0) console.log(`Still loading: ${namesWith('loading').join(', ')}\n`)
  const examples = Object.entries(services).flatMap(([name, { example }]) => (example ? [{ name, ...example }] : []))
  // One that works when pasted goes before one that only shows what a request looks like.
  const chosen = examples.find(({ isScored }) => isScored) ?? examples[0]
  if (chosen) {
    const { name, isScored } = chosen
    const key = options.hasVault ? undefined : await readKey(options.appRoot, name)
    if (key) console.log(`Local key of ${name} (the others are in .local/keys.json): ${key}\n`)
    if (options.hasVault) console.log(`Keys are in the vault; this one is the secret ${name}-primary-key\n`)
    console.log(`Try ${name} in a browser: ${options.url}/api/v1/service/${name}/docs\n`)
    const what = isScored ? `Score ${name}` : `Score ${name}, with values in place of these, which only show the form`
    console.log(`${what}:\n\n${curlLine(options, name, options.hasVault ? '<key>' : key, onOneLine(chosen.body))}\n`)
  }
}

function curlLine(
  { url, certPath }: FirstRequestOptions,
  service: string,
  key: string | undefined,
  body: string,
): string {
  const trust = certPath ? `--cacert ${quote(certPath)} ` : ''
  const bearer = key ? `-H 'Authorization: Bearer ${key}' ` : ''
  return `curl ${trust}${url}/api/v1/service/${service}/score ${bearer}-H 'Content-Type: application/json' -d ${quote(body)}`
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}

async function fetchSettledServices(options: FirstRequestOptions): Promise<NonNullable<Readiness['services']>> {
  for (const startedAt = performance.now(); ; await delay(50)) {
    const { services = {} } = await fetchReadiness(options)
    const isLate = performance.now() - startedAt > maxLoadWaitMs
    const statuses = Object.values(services).map(({ status }) => status)
    if (!statuses.includes('loading') || (isLate && statuses.includes('ready'))) return services
  }
}

async function fetchReadiness({ url, certPath }: FirstRequestOptions): Promise<Readiness> {
  const target = new URL('/health/ready', url)
  // Exactly the certificate that we were started with is trusted, whatever name it bears.
  const tls = certPath ? { ca: await readFile(certPath), checkServerIdentity: () => undefined } : {}
  const send = target.protocol === 'https:' ? requestHttps : requestHttp
  const request = send(target, { ...tls, agent: false }).end()
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  return (await json(response)) as Readiness
}

/** TypeScript does not know it yet (ECMAScript proposal, source text access). */
const { rawJSON: rawJson } = JSON as unknown as { rawJSON(text: string): unknown }

/** JSON text without line breaks, each number as it was written; other text as it is. */
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
