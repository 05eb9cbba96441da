import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** [d.]hh:mm:ss, as .NET writes a TimeSpan. */
const timeSpan = /^(?:(\d+)\.)?(\d{1,2}):(\d{1,2}):(\d{1,2})$/

/**
 * The time after which the host ends the process that holds an invocation: `functionTimeout` in `host.json`, or the variable that takes
 * precedence over it.
 *
 * @returns milliseconds; undefined: it says no limit, or nothing that could be read, which the host itself reports
 */
export function readFunctionTimeoutMs(
  appRoot: string,
  environment: Readonly<Record<string, string | undefined>>,
): number | undefined {
  const [, days = '0', hours, minutes, seconds] =
    timeSpan.exec(environment.AzureFunctionsJobHost__functionTimeout ?? readHostJson(appRoot) ?? '') ?? []
  if (hours === undefined) return undefined
  return (((Number(days) * 24 + Number(hours)) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1000 || undefined
}

function readHostJson(appRoot: string): string | undefined {
  try {
    const { functionTimeout } = JSON.parse(readFileSync(join(appRoot, 'host.json'), 'utf8')) as Record<string, unknown>
    return typeof functionTimeout === 'string' ? functionTimeout : undefined
  } catch {
    return undefined
  }
}
