import { StartupError } from '../../errors.ts'
import { parseTimeSpan } from '../dotnet-time.ts'

/** `extensions.serviceBus` of host.json, as far as this host has it. */
export interface BusSettings {
  /** Runs of a function at a time. */
  readonly maxConcurrentCalls: number
  /** How long the lock of a message that is running is renewed. */
  readonly maxLockRenewalMs: number
}

/**
 * Reads `extensions.serviceBus` by the rules and with the defaults of the extension. (azure-sdk-for-net ServiceBusOptions)
 *
 * @throws StartupError that names the setting, its value and what it may be
 */
export function readBusSettings(given: unknown, processorCount: number): BusSettings {
  const section = given ?? {}
  if (typeof section !== 'object' || Array.isArray(section))
    throw new StartupError(`host.json: extensions.serviceBus is ${JSON.stringify(section)}, and must be an object`)
  const { maxConcurrentCalls = 16 * processorCount, maxAutoLockRenewalDuration = '00:05:00' } = section as Readonly<
    Record<string, unknown>
  >
  if (typeof maxConcurrentCalls !== 'number' || !Number.isInteger(maxConcurrentCalls) || maxConcurrentCalls < 1)
    throw new StartupError(
      `host.json: extensions.serviceBus.maxConcurrentCalls is ${JSON.stringify(maxConcurrentCalls)}, and must be a whole number, 1 or more`,
    )
  const maxLockRenewalMs =
    typeof maxAutoLockRenewalDuration === 'string' ? parseTimeSpan(maxAutoLockRenewalDuration) : undefined
  if (maxLockRenewalMs === undefined)
    throw new StartupError(
      `host.json: extensions.serviceBus.maxAutoLockRenewalDuration is ${JSON.stringify(maxAutoLockRenewalDuration)}, and must be a time "hh:mm:ss"`,
    )
  return { maxConcurrentCalls, maxLockRenewalMs }
}
