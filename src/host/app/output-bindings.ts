import type { InvocationContext } from '@azure/functions'
import { findStorageConnection, resolveSettings, type StorageAccount } from './binding-settings.ts'
import type { Binding, RegisteredFunction } from './functions-core.ts'

/** What outputs are written with. */
export interface OutputStorage {
  sendToQueue(account: StorageAccount, queueName: string, text: string): Promise<void>
  writeBlob(account: StorageAccount, path: { container: string; name: string }, content: Uint8Array): Promise<void>
}

interface OutputOptions {
  readonly environment: NodeJS.ProcessEnv
  readonly messageEncoding: 'base64' | 'none'
  /** Called with the first output. */
  readonly open: () => Promise<OutputStorage>
}

const servedTypes = new Set(['queue', 'blob'])

/** Whether this host writes the output, for functions that no HTTP request triggers. */
export function isServedOutput({ type, direction }: Binding): boolean {
  return direction === 'out' && servedTypes.has(type.toLowerCase())
}

/**
 * Writes what a function has returned, or has set in `context.extraOutputs`, to queues and blobs, as Azure's host does: after the
 * function, and before its message is deleted. A failure is a failure of the run.
 */
export class OutputBindings {
  readonly #options: OutputOptions

  constructor(options: OutputOptions) {
    this.#options = options
  }

  /** @throws Error when an output cannot be written */
  async write({ name, metadata }: RegisteredFunction, context: InvocationContext, result: unknown): Promise<void> {
    for (const [output, binding] of Object.entries(metadata.bindings)) {
      if (!isServedOutput(binding)) continue
      const value = output === '$return' ? result : context.extraOutputs.get(output)
      if (value === undefined || value === null) continue
      await this.#write(binding, value, `output of function "${name}"`, context.triggerMetadata ?? {})
    }
  }

  async #write(binding: Binding, value: unknown, label: string, variables: object): Promise<void> {
    const { environment, messageEncoding, open } = this.#options
    const service = binding.type.toLowerCase() === 'queue' ? 'queue' : 'blob'
    const connection = findStorageConnection(binding.connection, environment, service)
    if (connection.kind === 'missing') throw new Error(`${label}: ${connection.reason}`)
    const { account } = connection
    const storage = await open()
    if (service === 'queue') {
      const queueName = fill(String(binding.queueName), label, variables, environment)
      for (const each of Array.isArray(value) ? value : [value])
        await storage.sendToQueue(
          account,
          queueName,
          asBytes(each).toString(messageEncoding === 'base64' ? 'base64' : 'utf8'),
        )
      return
    }
    const path = fill(String(binding.path), label, variables, environment)
    const slash = path.indexOf('/')
    await storage.writeBlob(account, { container: path.slice(0, slash), name: path.slice(slash + 1) }, asBytes(value))
  }
}

/** Replaces `%SETTING%` and `{variable}`, where variables are what the trigger tells. */
function fill(text: string, label: string, variables: object, environment: NodeJS.ProcessEnv): string {
  const values = variables as Readonly<Record<string, unknown>>
  return resolveSettings(text, label, environment).replace(/\{([\w-]+)\}/g, (_, name: string) => {
    if (name.toLowerCase() === 'rand-guid') return crypto.randomUUID()
    const value = Object.hasOwn(values, name) ? values[name] : undefined
    if (typeof value !== 'string') throw new Error(`${label} is "${text}", and its trigger has no "${name}"`)
    return value
  })
}

/** Text and bytes as they are, everything else as JSON. (lib toRpcTypedData) */
function asBytes(value: unknown): Buffer {
  if (typeof value === 'string') return Buffer.from(value)
  if (ArrayBuffer.isView(value)) return Buffer.from(value.buffer, value.byteOffset, value.byteLength)
  if (value instanceof ArrayBuffer) return Buffer.from(value)
  return Buffer.from(JSON.stringify(value))
}
