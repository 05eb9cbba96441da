import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Cleaner } from './cleaner.ts'

/** `node:crypto` signs here, so that what checks tokens is held against another implementation. */
export class SigningKey {
  readonly kid: string
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject

  constructor(kid: string, bits = 2048) {
    this.kid = kid
    const pair = generateKeyPairSync('rsa', { modulusLength: bits })
    this.privateKey = pair.privateKey
    this.publicKey = pair.publicKey
  }

  /** As Entra ID publishes it: without `alg`. */
  get jwk(): object {
    return { ...this.publicKey.export({ format: 'jwk' }), use: 'sig', kid: this.kid, issuer: 'https://example.com' }
  }

  /** @param header  replaces members of the usual one; undefined leaves one out */
  sign(claims: object | string, header: object = {}, algorithm = 'RSA-SHA256'): string {
    const input = `${base64url({ typ: 'JWT', alg: 'RS256', kid: this.kid, ...header })}.${base64url(claims)}`
    return `${input}.${sign(algorithm, Buffer.from(input), this.privateKey).toString('base64url')}`
  }
}

/** @param value  text as it is, anything else as JSON */
export function base64url(value: object | string): string {
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')
}

export const tenantId = '5b1c2f0e-7c1d-4e7a-9a55-0123456789ab'
export const audience = 'api://scoring'

/**
 * What an application shows that was given the role (learn.microsoft.com, "Access token claims reference"), for an hour.
 *
 * @param now  milliseconds since 1970
 */
export function claimsOf(authority: string, now: number): Record<string, unknown> {
  const issuedAt = Math.floor(now / 1000) - 300
  return {
    aud: audience,
    iss: `${authority}/${tenantId}/v2.0`,
    iat: issuedAt,
    nbf: issuedAt,
    exp: issuedAt + 3900,
    azp: '11111111-2222-3333-4444-555555555555',
    roles: ['Score'],
    tid: tenantId,
    ver: '2.0',
  }
}

/** An authority on loopback that publishes the keys of a tenant as Entra ID does, or fails as it can. */
export class Authority {
  keys: readonly SigningKey[]
  /** `hang`: takes the request and says nothing; `trickle`: begins an answer that does not end. */
  mode: 'ok' | 'hang' | 'trickle' | 'reset' | number | { readonly body: string } | { readonly redirect: string } = 'ok'
  fetchCount = 0
  url = ''
  readonly #server = createServer((request, response) => {
    this.fetchCount++
    const { mode } = this
    if (request.url !== `/${tenantId}/discovery/v2.0/keys`) return response.writeHead(404).end()
    if (mode === 'hang') return
    if (mode === 'trickle') return response.writeHead(200).write('{"keys": [')
    if (mode === 'reset') return request.socket.resetAndDestroy()
    if (typeof mode === 'number') return response.writeHead(mode).end('{}')
    if (typeof mode === 'object' && 'redirect' in mode)
      return response.writeHead(302, { location: mode.redirect }).end()
    if (typeof mode === 'object') return response.end(mode.body)
    return response.end(JSON.stringify({ keys: this.keys.map(({ jwk }) => jwk) }))
  })

  constructor(...keys: SigningKey[]) {
    this.keys = keys
  }

  async start(test: Cleaner): Promise<this> {
    test.onTestFinished(() => {
      this.#server.close()
      this.#server.closeAllConnections()
    })
    await new Promise<void>(listening => this.#server.listen(0, '127.0.0.1', listening))
    this.url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
    return this
  }
}
