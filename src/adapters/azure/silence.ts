import type { logger } from '@azure/storage-blob'

type Logger = Pick<typeof logger, 'error' | 'warning' | 'info' | 'verbose'>

/**
 * AZURE_LOG_LEVEL would have requests written out, and with them their addresses. Switching a logger off does not last:
 * every SDK that is loaded later switches all of them on again.
 */
export function silence(each: Logger): void {
  for (const level of [each.error, each.warning, each.info, each.verbose]) level.log = () => {}
}
