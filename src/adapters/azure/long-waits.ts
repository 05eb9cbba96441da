import type { SecretClientOptions } from '@azure/keyvault-secrets'

type Policy = NonNullable<SecretClientOptions['additionalPolicies']>[number]

/** The vault is busy and asks to retry later. */
class VaultBusyError extends Error {
  readonly statusCode: number
  readonly code = 'RetryLater'

  constructor(statusCode: number) {
    super(`status ${statusCode}`)
    this.name = 'VaultBusyError'
    this.statusCode = statusCode
  }
}

/**
 * Fails at once when `Retry-After` exceeds `maxWaitMs`. The SDK would wait that long and hold the call until its timeout, while
 * the reader of keys can use its cached ones and retry later.
 */
export function refuseLongWaits(maxWaitMs: number): Policy {
  return {
    position: 'perRetry',
    policy: {
      name: 'refuseLongWaits',
      async sendRequest(request, next) {
        const response = await next(request)
        const isBusy = response.status === 429 || response.status === 503
        const wait = response.headers.get('retry-after')
        if (isBusy && wait !== undefined && waitMs(wait) > maxWaitMs) throw new VaultBusyError(response.status)
        return response
      },
    },
  }
}

/** @param retryAfter  seconds, or a date (RFC 9110, section 10.2.3) */
function waitMs(retryAfter: string): number {
  return /^\d+$/.test(retryAfter) ? Number(retryAfter) * 1000 : Date.parse(retryAfter) - Date.now()
}
