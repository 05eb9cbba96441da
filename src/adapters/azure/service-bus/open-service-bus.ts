import type { ServiceBus } from '../../../triggers/service-bus.ts'
import type { HostServiceBus } from '../../functions-worker/functions-core.ts'
import { deadLetterAtHost, findHostAddress } from '../../functions-worker/settle-message.ts'
import { systemClock } from '../../local/system-clock.ts'
import { readBusAddress } from './bus-address.ts'
import { sendOverHttp, tooLarge } from './send-over-http.ts'

interface ServiceBusParts {
  /** undefined: Azure's host, or Core Tools. */
  readonly host: HostServiceBus | undefined
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Of the process. */
  readonly args: readonly string[]
  readonly isDevelopment: boolean
}

/** The bundle of Azure's storage clients, which holds its identities as well. */
const identities = new URL(import.meta.url.endsWith('.ts') ? '../storage.ts' : './storage.cjs', import.meta.url)
const scope = 'https://servicebus.azure.net/.default'

/** Nothing is connected before the first message. */
export function openServiceBus({ host, environment, args, isDevelopment }: ServiceBusParts): ServiceBus {
  if (host) {
    return {
      send: async ({ connection, output }, message) =>
        (await host.send(connection, output, message)) ? undefined : tooLarge(output, message.body.byteLength),
      deadLetter: (lockToken, reason, description) => host.deadLetter(lockToken, reason, description),
    }
  }
  const identityToken = cachedTokens(isDevelopment)
  return {
    send: async ({ connection, output }, message) => {
      const address = readBusAddress(connection, environment)
      return sendOverHttp(output, message, { address, identityToken, now: () => systemClock.wallMs() })
    },
    deadLetter: (lockToken, reason, description) =>
      deadLetterAtHost(findHostAddress(args), lockToken, reason, description),
  }
}

/** Credentials keep a token until it expires, so each is made once. */
function cachedTokens(isDevelopment: boolean): (clientId: string | undefined) => Promise<string> {
  const credentials = new Map<
    string | undefined,
    Promise<{ getToken(scope: string): Promise<{ token: string } | null> }>
  >()
  const open = async (clientId: string | undefined) => {
    const { azureCredential } = (await import(identities.href)) as typeof import('../storage.ts')
    return azureCredential(isDevelopment, clientId)
  }
  return async clientId => {
    const credential = credentials.get(clientId) ?? open(clientId)
    credentials.set(clientId, credential)
    const token = await (await credential).getToken(scope)
    if (!token) throw new Error('the identity of the app gives no token for Service Bus')
    return token.token
  }
}
