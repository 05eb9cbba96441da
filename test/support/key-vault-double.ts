/**
 * A vault for tests: HTTPS, the challenge (401 with `WWW-Authenticate`, then a Bearer token), versions, and every way to
 * fail that a client has to live with. Facts: "Azure Key Vault REST API", secrets, and "Authentication, requests and
 * responses"; error bodies as the service writes them.
 */
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { makeCertificates } from '../host/certificates.ts'
import type { Cleaner } from './cleaner.ts'

/** How the double fails; each until `fail(undefined)`, or as often as `times` says. */
export type Fault =
  /** 429; `retryAfter` is the header */
  | { readonly kind: 'throttled'; readonly retryAfter?: string; readonly times?: number }
  /** 503; `retryAfter` is the header */
  | { readonly kind: 'unavailable'; readonly retryAfter?: string; readonly times?: number }
  /** never answers */
  | { readonly kind: 'hang'; readonly times?: number }
  /** closes the connection without an answer, before or after the request took effect */
  | { readonly kind: 'reset' | 'reset after'; readonly times?: number }
  /** answers after `delayMs` */
  | { readonly kind: 'slow'; readonly delayMs: number; readonly times?: number }
  /** 200 with a body that is no secret, or `body` */
  | { readonly kind: 'garbage'; readonly body?: string; readonly times?: number }
  /** 401 whatever the token */
  | { readonly kind: 'unauthorized'; readonly times?: number }
  /** 404 with a page, as of a proxy before the vault */
  | { readonly kind: 'not found'; readonly times?: number }
  /** 403: the identity has no role */
  | { readonly kind: 'forbidden'; readonly times?: number }
  /** asks for a token of this resource */
  | { readonly kind: 'other resource'; readonly resource: string; readonly times?: number }

export interface SecretOptions {
  readonly isEnabled?: boolean
  /** Milliseconds since 1970; the vault keeps seconds. */
  readonly notBefore?: number
  readonly expiresAt?: number
}

interface Version extends SecretOptions {
  readonly id: string
  readonly value: string
  isEnabled: boolean
}

/** What the service knows; `7.6` and older are numbers, newer ones are dates. */
const apiVersions = ['7.4', '7.5', '7.6', '2025-07-01', '2026-04-01']

export class KeyVaultDouble {
  readonly url: string
  /** Certificate, PEM. */
  readonly ca: string
  /** The only one that it takes. */
  readonly token = `token-${randomBytes(16).toString('hex')}`
  /** Points a child process of the app at this vault. */
  readonly environment: Readonly<Record<string, string>>
  /** Names of secrets that were read or written, in order; requests that were only challenged do not count. */
  readonly askedNames: string[] = []
  /** `Authorization` headers that came. */
  readonly shownCredentials: string[] = []
  /** Bodies that came, in order. */
  readonly shownBodies: string[] = []
  readonly #secrets = new Map<string, Version[]>()
  #requestCount = 0
  #fault: Fault | undefined
  #faultsLeft = 0

  constructor(port: number, caFile: string) {
    this.url = `https://localhost:${port}`
    this.ca = readFileSync(caFile, 'utf8')
    this.environment = {
      KEY_VAULT_URL: this.url,
      SCORING_KEY_VAULT_TEST_CA: caFile,
      SCORING_KEY_VAULT_TEST_TOKEN: this.token,
    }
  }

  /** Every request counts, also those that were only challenged. */
  get requestCount(): number {
    return this.#requestCount
  }

  /** Adds a version, as a person with rights on the vault does. */
  set(name: string, value: string, options: SecretOptions = {}): string {
    const id = randomBytes(16).toString('hex')
    const version = { ...options, id, value, isEnabled: options.isEnabled ?? true }
    this.#secrets.set(name, [...(this.#secrets.get(name) ?? []), version])
    return id
  }

  /** Disables the newest version, or enables it again. */
  disable(name: string, isEnabled = false): void {
    const newest = this.#secrets.get(name)?.at(-1)
    if (!newest) throw new Error(`the double has no secret "${name}"`)
    newest.isEnabled = isEnabled
  }

  remove(name: string): void {
    this.#secrets.delete(name)
  }

  /** Values of all versions, oldest first. */
  valuesOf(name: string): string[] {
    return (this.#secrets.get(name) ?? []).map(({ value }) => value)
  }

  fail(fault: Fault | undefined): void {
    this.#fault = fault
    this.#faultsLeft = fault?.times ?? Number.POSITIVE_INFINITY
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#requestCount++
    const { authorization } = request.headers
    if (authorization !== undefined) this.shownCredentials.push(authorization)
    const body = await textOf(request)
    this.shownBodies.push(body)
    const fault = this.#nextFault()
    switch (fault?.kind) {
      case 'hang':
        return
      case 'reset':
        return void request.socket.destroy()
      case 'throttled':
        return refuse(response, 429, 'Throttled', undefined, retryAfterOf(fault))
      case 'unavailable':
        return refuse(response, 503, 'ServiceUnavailable', undefined, retryAfterOf(fault))
      case 'garbage':
        return void response.writeHead(200, { 'content-type': 'application/json' }).end(fault.body ?? '<html>')
      case 'not found':
        return void response.writeHead(404, { 'content-type': 'text/html' }).end('<html>')
      case 'slow':
        await setTimeout(fault.delayMs, undefined, { ref: false })
    }
    const resource = fault?.kind === 'other resource' ? fault.resource : 'https://vault.azure.net'
    if (authorization !== `Bearer ${this.token}` || fault?.kind === 'unauthorized') {
      const challenge = `Bearer authorization="https://login.microsoftonline.com/00000000-0000-0000-0000-000000000001", resource="${resource}"`
      return refuse(response, 401, 'Unauthorized', undefined, { 'www-authenticate': challenge })
    }
    if (fault?.kind === 'forbidden') return refuse(response, 403, 'Forbidden', 'ForbiddenByRbac')
    const answer = this.#serve(request, body)
    if (fault?.kind === 'reset after') return void request.socket.destroy()
    if ('code' in answer) return refuse(response, answer.status, answer.code, answer.innerCode)
    response.writeHead(200, { 'content-type': 'application/json; charset=utf-8' }).end(JSON.stringify(answer))
  }

  #nextFault(): Fault | undefined {
    if (this.#faultsLeft === 0) this.#fault = undefined
    this.#faultsLeft--
    return this.#fault
  }

  #serve({ method, url = '' }: IncomingMessage, body: string): object | Refusal {
    const { pathname, searchParams } = new URL(url, this.url)
    const [, , name = '', version] = /^\/(secrets)\/([0-9A-Za-z-]{1,127})(?:\/([^/]*))?\/?$/.exec(pathname) ?? []
    const apiVersion = searchParams.get('api-version')
    if (apiVersion === null || !apiVersions.includes(apiVersion)) return { status: 400, code: 'BadParameter' }
    if (name === '') return { status: 404, code: 'NotFound' }
    this.askedNames.push(name)
    if (method === 'PUT') {
      this.set(name, ...written(body))
      return this.#bundle(name, this.#secrets.get(name)?.at(-1) as Version)
    }
    const versions = this.#secrets.get(name) ?? []
    if (version === 'versions') return { value: versions.map(each => this.#bundle(name, each, false)), nextLink: null }
    const found = version ? versions.find(({ id }) => id === version) : versions.at(-1)
    if (!found) return { status: 404, code: 'SecretNotFound' }
    if (method === 'PATCH') return this.#bundle(name, Object.assign(found, attributesOf(JSON.parse(body))), false)
    if (!found.isEnabled) return { status: 403, code: 'Forbidden', innerCode: 'SecretDisabled' }
    return this.#bundle(name, found)
  }

  #bundle(name: string, { id, value, isEnabled, notBefore, expiresAt }: Version, hasValue = true): object {
    return {
      ...(hasValue ? { value } : {}),
      id: `${this.url}/secrets/${name}/${id}`,
      attributes: { enabled: isEnabled, nbf: seconds(notBefore), exp: seconds(expiresAt), recoveryLevel: 'Purgeable' },
    }
  }
}

/** A double on a free port of this machine, ended with the test. Needs openssl: see `noOpenssl`. */
export async function startKeyVaultDouble(test: Cleaner): Promise<KeyVaultDouble> {
  const { cert, key } = makeCertificates(test)
  let double: KeyVaultDouble
  const server = createServer({ cert: readFileSync(cert), key: readFileSync(key) }, (request, response) =>
    double.answer(request, response).catch(failure => response.destroy(failure)),
  )
  await new Promise<void>(listening => server.listen(0, 'localhost', listening))
  double = new KeyVaultDouble((server.address() as AddressInfo).port, cert)
  test.onTestFinished(async () => {
    const closed = new Promise(done => server.close(done))
    server.closeAllConnections()
    await closed
  })
  return double
}

interface Refusal {
  readonly status: number
  readonly code: string
  readonly innerCode?: string
}

function refuse(
  response: ServerResponse,
  status: number,
  code: string,
  innerCode?: string,
  headers: Record<string, string> = {},
): void {
  const error = { code, message: `${code}.`, ...(innerCode ? { innererror: { code: innerCode } } : {}) }
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify({ error }))
}

function retryAfterOf({ retryAfter }: { readonly retryAfter?: string }): Record<string, string> {
  return retryAfter === undefined ? {} : { 'retry-after': retryAfter }
}

/** What a PUT asks for: a new version with a value and attributes. */
function written(body: string): [string, SecretOptions] {
  const json = JSON.parse(body)
  return [json.value, attributesOf(json)]
}

function attributesOf(body: { attributes?: { enabled?: boolean; nbf?: number; exp?: number } }): SecretOptions {
  const { enabled, nbf, exp } = body.attributes ?? {}
  return {
    ...(enabled === undefined ? {} : { isEnabled: enabled }),
    ...(nbf === undefined ? {} : { notBefore: nbf * 1000 }),
    ...(exp === undefined ? {} : { expiresAt: exp * 1000 }),
  }
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

function seconds(time: number | undefined): number | undefined {
  return time === undefined ? undefined : Math.floor(time / 1000)
}
