import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { StartupError } from '../../errors.ts'
import { type Answer, readAnswer } from '../answer.ts'
import type { Project } from '../project.ts'
import { UsageError } from '../usage-error.ts'

/** Where requests are scored: in this process, or in an app that runs. */
export interface Target {
  score(body: Uint8Array, contentType: string): Promise<Answer>
  stop(): Promise<void>
}

/** An app that runs, reached over HTTP. */
export class RemoteService implements Target {
  readonly #url: URL
  readonly #key: string | undefined

  /** @param key  undefined: the service is public, or answers 401 */
  constructor(url: URL, key: string | undefined) {
    this.#url = url
    this.#key = key
  }

  /** @throws StartupError when there is no answer */
  async score(body: Uint8Array, contentType: string): Promise<Answer> {
    const headers = new Headers({ 'content-type': contentType })
    if (this.#key !== undefined) headers.set('authorization', `Bearer ${this.#key}`)
    try {
      // A redirect would carry the key to another place.
      const response = await fetch(this.#url, { method: 'POST', headers, body: Buffer.from(body), redirect: 'error' })
      return await readAnswer(response)
    } catch (cause) {
      throw new StartupError(`${this.#url.origin} does not answer: ${describeReason(cause)}`, { cause })
    }
  }

  async stop(): Promise<void> {}
}

function describeReason(failure: unknown): string {
  const { message, cause } = failure as Error
  const inner = cause as NodeJS.ErrnoException | undefined
  const code = inner?.code ?? ''
  if (code === 'ECONNREFUSED') return 'nothing listens there; start the app with "npx scoring start"'
  if (code === 'ENOTFOUND') return 'there is no machine of that name'
  if (code === 'ERR_SSL_WRONG_VERSION_NUMBER' || code === 'ERR_SSL_PACKET_LENGTH_TOO_LONG')
    return 'it does not speak HTTPS; give an http: address'
  if (/CERT|SIGNATURE/.test(code))
    return `${inner?.message.split(';')[0]}; set NODE_EXTRA_CA_CERTS to a file with its certificate (PEM)`
  return inner?.message || message
}

/**
 * The address at which a service is scored.
 *
 * @param given  the address of the app, such as `http://localhost:7071`, or that of the route `score` itself
 * @throws UsageError
 */
export function scoreUrl(given: string, service: string): URL {
  const url = URL.parse(given)
  if (!url || !/^https?:$/.test(url.protocol))
    throw new UsageError('--url is no address of an app; give one such as http://localhost:7071')
  if (url.username || url.password) throw new UsageError('--url holds a password; keys are read from SCORING_KEY')
  if (url.protocol === 'http:' && !isLoopback(url))
    throw new UsageError('--url has http: the key could be read on the way to another machine; give an https address')
  if (/\/score\/?$/.test(url.pathname)) return url
  url.pathname = `${url.pathname.replace(/\/$/, '')}/api/v1/service/${service}/score`
  return url
}

function isLoopback({ hostname }: URL): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d+){3}$/.test(hostname)
}

/**
 * The key for an address: `SCORING_KEY`, or on this machine the local key of the service. A local key is not sent anywhere else.
 *
 * @param project  undefined: the command was run outside a project
 */
export async function findKey(project: Project | undefined, service: string, url: URL): Promise<string | undefined> {
  const given = (project?.environment ?? process.env).SCORING_KEY
  if (given) return given
  if (!project || !isLoopback(url)) return undefined
  try {
    const keys = JSON.parse(await readFile(join(project.root, '.local', 'keys.json'), 'utf8'))
    return keys[service]?.primary
  } catch {
    return undefined
  }
}
