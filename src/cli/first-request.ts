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
      inputs?: { name: string; dtype: string; shape: (number | string)[] }[]
      script?: string
    }
  >
}

/** A service that loads for longer does not hold back the others' key and line. */
const patienceMs = 5000

export interface FirstRequestOptions {
  /** Where the host listens, e.g. `http://localhost:7071`. */
  url: string
  modelsDir: string
  appRoot: string
  /** Keys are in a vault, so that the file with those of a developer is out of use, even where there is one. */
  hasVault: boolean
  /** The certificate that the host shows, when it speaks HTTPS. */
  certPath?: string
}

/** Waits until every service is loaded or has failed, then prints the first request to try. */
export async function printFirstRequest(options: FirstRequestOptions): Promise<void> {
  const services = await settledServices(options)
  const ready = Object.entries(services).filter(([, service]) => service.status === 'ready')
  const namesOf = (status: string) => Object.keys(services).filter(name => services[name]?.status === status)
  if (namesOf('failed').length > 0)
    console.log(`Not available: ${namesOf('failed').join(', ')} (the reasons stand above)\n`)
  if (namesOf('loading').length > 0) console.log(`Still loading: ${namesOf('loading').join(', ')}\n`)
  for (const [name, service] of ready) {
    const body = (await readSample(options.modelsDir, name)) ?? zeros(service.inputs, service.script)
    if (body === undefined) continue
    const key = options.hasVault ? undefined : await readKey(options.appRoot, name)
    if (key) console.log(`Local key of ${name} (the others are in .local/keys.json): ${key}\n`)
    if (options.hasVault) console.log(`Keys are in the vault; this one is the secret ${name}-primary-key\n`)
    console.log(`Try ${name} in a browser: ${options.url}/api/v1/service/${name}/docs\n`)
    console.log(`Score ${name}:\n\n${curlLine(options, name, options.hasVault ? '<key>' : key, body)}\n`)
    return
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

async function settledServices(options: FirstRequestOptions): Promise<NonNullable<Readiness['services']>> {
  for (const startedAt = performance.now(); ; await delay(50)) {
    const { services = {} } = await fetchReadiness(options)
    const isLate = performance.now() - startedAt > patienceMs
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

/** The service's sample request on one line, when it has one. */
async function readSample(modelsDir: string, service: string): Promise<string | undefined> {
  try {
    const definition = JSON.parse(await readFile(join(modelsDir, service, 'service.json'), 'utf8'))
    return JSON.stringify(JSON.parse(await readFile(join(modelsDir, service, definition.schema.input), 'utf8')))
  } catch {
    return undefined // no sample
  }
}

/** A row of zeros for a service whose graph says all: only floats and integers, and no script that wants something else. */
function zeros(
  inputs: NonNullable<Readiness['services']>[string]['inputs'] = [],
  script: string | undefined,
): string | undefined {
  const [input] = inputs
  if (script !== 'typed' || inputs.length !== 1 || !input || !/^(u?int|float)/.test(input.dtype)) return undefined
  const nest = (shape: readonly (number | string)[]): unknown => {
    const [size, ...rest] = shape
    if (size === undefined) return 0
    return Array.from({ length: typeof size === 'number' && size > 0 ? size : 1 }, () => nest(rest))
  }
  return JSON.stringify({ data: nest(input.shape) })
}

async function readKey(appRoot: string, service: string): Promise<string | undefined> {
  try {
    const keys = JSON.parse(await readFile(join(appRoot, '.local', 'keys.json'), 'utf8'))
    return keys[service]?.primary
  } catch {
    return undefined
  }
}
