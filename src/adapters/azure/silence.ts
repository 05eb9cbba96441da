import type { logger } from '@azure/storage-blob'

type Logger = Pick<typeof logger, 'error' | 'warning' | 'info' | 'verbose'>

/**
 * Silences a logger, because AZURE_LOG_LEVEL would log requests with their URLs. Disabling it is not enough: every SDK that is
 * loaded later enables all loggers again.
 */
export function silence(each: Logger): void {
  for (const level of [each.error, each.warning, each.info, each.verbose]) level.log = () => {}
}
