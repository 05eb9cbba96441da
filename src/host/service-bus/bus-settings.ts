import { HostJsonSection } from '../host-json-section.ts'

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
  const section = new HostJsonSection('extensions.serviceBus', given)
  return {
    maxConcurrentCalls: section.wholeNumber('maxConcurrentCalls', { initial: 16 * processorCount, min: 1 }),
    maxLockRenewalMs: section.timeSpan('maxAutoLockRenewalDuration', { initial: 5 * 60_000, min: 0 }),
  }
}
