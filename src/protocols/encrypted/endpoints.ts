/** The routes of encrypted inference beside scoring. None of them ever throws. */
import { keyIdPattern, maxKeyBytes } from '../../encrypted/ckks/parameters.ts'
import { ScoringError } from '../../errors.ts'
import type { EncryptedRequests } from '../../inference/encrypted-requests.ts'
import type { ScoringService } from '../../inference/scoring-service.ts'
import type { EncryptedFacts } from '../../models/session/load-report.ts'
import { allow, answerFailure } from '../azureml/endpoints.ts'
import { encodeEmpty } from '../azureml/respond.ts'
import { authorize } from '../http/authorize.ts'
import { corsHeaders } from '../http/cors.ts'
import { readBody } from '../http/read-body.ts'
import { readRequestIds } from '../http/request-ids.ts'
import { unstored, type WireRequest, type WireResponse } from '../http/wire.ts'
import { identifyCaller } from './public-key-quota.ts'

type Find = () => ScoringService | Promise<ScoringService>

/** An encrypted service that its caller may use. */
interface Opened {
  readonly service: ScoringService
  readonly facts: EncryptedFacts
  readonly requests: () => Promise<EncryptedRequests>
}

/** `GET …/encrypted`: what clients need to encrypt features. */
export function answerEncrypted(
  request: WireRequest,
  find: Find,
  serverVersion: string | undefined,
): Promise<WireResponse> {
  return answer(request, { find, serverVersion, method: 'GET' }, async ({ facts }) => ({ status: 200, content: facts }))
}

/** `PUT …/encrypted/keys/{key_id}`: stores public keys, for callers without access to the storage. */
export function answerPublicKeys(
  request: WireRequest,
  keyId: string,
  find: Find,
  serverVersion: string | undefined,
): Promise<WireResponse> {
  return answer(request, { find, serverVersion, method: 'PUT' }, async ({ service, facts, requests }) => {
    if (facts.original === null)
      throw new ScoringError('NOT_ENCRYPTED', `service "${service.name}" takes no requests that need public keys`)
    if (!keyIdPattern.test(keyId))
      throw new ScoringError(
        'INPUT_INVALID',
        'key_id: expected what get_public_keys() returns: 32 characters a-z, 2-7.',
      )
    const account = service.openAccount()
    try {
      const maxBytes = Math.min(maxKeyBytes, service.definition.limits.maxBodyBytes)
      const keys = { keyId, identifyCaller: (trustedProxies: number) => identifyCaller(request, trustedProxies) }
      await (await requests()).storeKeys(service, keys, () => readBody(request, maxBytes, account))
    } finally {
      account.held.release()
    }
    return { status: 201, content: { key_id: keyId } }
  })
}

interface Route {
  readonly find: Find
  readonly serverVersion: string | undefined
  readonly method: 'GET' | 'PUT'
}

async function answer(
  request: WireRequest,
  { find, serverVersion, method }: Route,
  work: (opened: Opened) => Promise<{ readonly status: number; readonly content: object }>,
): Promise<WireResponse> {
  const { headers, fault } = readRequestIds(request.headers, serverVersion)
  let service: ScoringService | undefined
  try {
    service = await find()
    allow(request.method, [method, 'OPTIONS'])
    Object.assign(headers, corsHeaders(service.definition.cors, request, [method]))
    if (fault) throw fault
    if (request.method === 'OPTIONS') return encodeEmpty({ ...headers, allow: `${method}, OPTIONS` })
    await authorize(service, request)
    const { encrypted: requests } = service
    const { encrypted: facts } = await service.waitUntilLoaded(undefined)
    if (!requests || !facts)
      throw new ScoringError(
        'NOT_ENCRYPTED',
        `service "${service.name}" takes no encrypted features: its service.json does not say "encrypted"`,
      )
    const { status, content } = await work({ service, facts, requests })
    const own = { 'content-type': 'application/json', ...unstored, ...headers }
    return { status, headers: own, body: JSON.stringify(content) }
  } catch (failure) {
    return answerFailure(failure, headers, service?.name)
  }
}
