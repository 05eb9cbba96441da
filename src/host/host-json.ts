import { join } from 'node:path'
import { StartupError } from '../errors.ts'
import { type BlobSettings, readBlobSettings } from './blob/blob-settings.ts'
import { parseTimeSpan } from './dotnet-time.ts'
import { readJsonFile } from './json-file.ts'
import { type QueueDefaults, type QueueSettings, readQueueSettings } from './queue/queue-settings.ts'
import { type BusSettings, readBusSettings } from './service-bus/bus-settings.ts'

/** The settings of host.json that this host uses. */
export interface HostJson {
  /** Precedes every route; without slashes at its ends. */
  readonly routePrefix: string
  /** How long an invocation may run; undefined: without limit. */
  readonly functionTimeoutMs: number | undefined
  readonly queues: QueueSettings
  readonly blobs: BlobSettings
  readonly serviceBus: BusSettings
}

interface File {
  readonly version?: unknown
  readonly functionTimeout?: unknown
  readonly extensions?: {
    readonly http?: { readonly routePrefix?: unknown }
    readonly queues?: unknown
    readonly blobs?: unknown
    readonly serviceBus?: unknown
  }
}

const defaultTimeoutMs = 30 * 60_000

/** @throws StartupError when there is no host.json, or one of its values is invalid */
export function readHostJson(appRoot: string, defaults: QueueDefaults): HostJson {
  const file = readJsonFile<File>(join(appRoot, 'host.json'))
  const { version, functionTimeout, extensions } = file
  // Azure's host starts with no other version, but with an empty object.
  if (version !== '2.0' && Object.keys(file).length > 0)
    throw new StartupError(`host.json: version is ${JSON.stringify(version)}, and must be "2.0"`)
  return {
    routePrefix: readRoutePrefix(extensions?.http?.routePrefix ?? 'api'),
    functionTimeoutMs: readFunctionTimeout(functionTimeout),
    queues: readQueueSettings(extensions?.queues, defaults),
    blobs: readBlobSettings(extensions?.blobs, defaults.processorCount),
    serviceBus: readBusSettings(extensions?.serviceBus, defaults.processorCount),
  }
}

function readRoutePrefix(prefix: unknown): string {
  if (typeof prefix !== 'string')
    throw new StartupError(`host.json: extensions.http.routePrefix is ${JSON.stringify(prefix)}, and must be a string`)
  return prefix.replace(/^\/+|\/+$/g, '')
}

function readFunctionTimeout(value: unknown): number | undefined {
  if (value === undefined || value === null) return defaultTimeoutMs
  if (value === '-1' || value === -1) return undefined
  const ms = typeof value === 'string' ? parseTimeSpan(value) : undefined
  if (ms !== undefined && ms > 0) return ms
  throw new StartupError(
    `host.json: functionTimeout is ${JSON.stringify(value)}, and must be a time "hh:mm:ss", or "-1" for no limit`,
  )
}
