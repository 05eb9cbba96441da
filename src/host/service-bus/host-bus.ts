import { loadHostStorage } from '../load-host-storage.ts'
import type { Bus, BusConnection, SentMessage } from './bus.ts'
import { findBusConnection } from './bus-trigger.ts'
import { HeldMessages } from './held-messages.ts'

/** Service Bus for triggers and for the app, which sends answers by it. The SDK is loaded with the first connection. */
export class HostBus {
  readonly held = new HeldMessages()
  readonly #buses = new Map<string, Promise<Bus>>()
  readonly #environment: NodeJS.ProcessEnv

  constructor(environment: NodeJS.ProcessEnv) {
    this.#environment = environment
  }

  open(connection: BusConnection): Promise<Bus> {
    const key = JSON.stringify(connection)
    const opened = this.#buses.get(key) ?? openBus(connection)
    this.#buses.set(key, opened)
    return opened
  }

  /** What the app gets. */
  get module(): object {
    return {
      send: async (connection: string, queue: string, message: SentMessage) => {
        const found = findBusConnection(connection, this.#environment)
        if (found.kind === 'missing') throw new Error(found.reason)
        return (await this.open(found.connection)).send(queue, message)
      },
      deadLetter: (lockToken: string, reason: string, description: string) =>
        this.held.deadLetter(lockToken, reason, description),
    }
  }

  async close(): Promise<void> {
    await Promise.allSettled([...this.#buses.values()].map(async bus => (await bus).close()))
  }
}

async function openBus(connection: BusConnection): Promise<Bus> {
  const { openAzureBus, openAzureBusAs } = await loadBusClient()
  if (typeof connection === 'string') return openAzureBus(connection)
  const { openCredential } = await loadHostStorage()
  return openAzureBusAs(openCredential(connection.identity), connection.host)
}

/** Loads Azure's SDK, in a bundle of its own, so that only an app with such a trigger pays for it. */
async function loadBusClient(): Promise<typeof import('./azure-bus.ts')> {
  const file = import.meta.url.endsWith('.ts') ? './azure-bus.ts' : './host-service-bus.cjs'
  return import(new URL(file, import.meta.url).href)
}
