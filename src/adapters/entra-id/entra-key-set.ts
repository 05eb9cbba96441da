import type { JSONWebKeySet } from 'jose'
import type { KeySetSource } from '../../auth/signing-keys.ts'

/** A tenant's keys take about 15,000 bytes. */
const maxBytes = 1_048_576

/** Fetches the keys with which a tenant of Entra ID signs its tokens. */
export class EntraKeySet implements KeySetSource {
  readonly #url: string

  /**
   * @param authority  e.g. `https://login.microsoftonline.com`
   * @param tenantId   GUID
   */
  constructor(authority: string, tenantId: string) {
    this.#url = `${authority}/${tenantId}/discovery/v2.0/keys`
  }

  async fetchKeySet(signal: AbortSignal): Promise<JSONWebKeySet> {
    try {
      const headers = { accept: 'application/json' }
      const response = await fetch(this.#url, { signal, headers, redirect: 'error' })
      if (response.status !== 200) {
        await response.body?.cancel()
        throw new Error(`status ${response.status}`)
      }
      return usableKeys(JSON.parse(await readText(response)))
    } catch (cause) {
      const { message } = ((cause as Error).cause ?? cause) as Error
      throw new Error(`${this.#url}: ${message}`, { cause })
    }
  }
}

async function readText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength
    if (size > maxBytes) throw new Error(`more than ${maxBytes} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** Returns the keys that RS256 can use: those with a modulus of at least 2,048 bits (RFC 7518, section 3.3). */
function usableKeys(document: unknown): JSONWebKeySet {
  const { keys } = (document ?? {}) as Partial<JSONWebKeySet>
  if (!Array.isArray(keys)) throw new Error('the response is not a key set')
  const usable = keys.filter(
    key => key?.kty === 'RSA' && typeof key.kid === 'string' && typeof key.n === 'string' && key.n.length >= 342,
  )
  if (usable.length === 0) throw new Error('the key set has no RSA key of 2048 bits or more')
  return { keys: usable }
}
