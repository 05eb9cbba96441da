import type { ServiceRecord } from './service-record.ts'
import { hasTags, type TagFilters } from './tags.ts'

/** Which services are listed. */
export interface ServiceFilters {
  /** Only services that run this model. */
  readonly modelName?: string | undefined
  /** Tags that a service has: a name, or a name with its value. */
  readonly tags?: TagFilters | undefined
}

/** Whether a service has the model and the tags that are asked for. */
export function isListed({ tags, models }: ServiceRecord, filters: ServiceFilters): boolean {
  const hasModel = filters.modelName === undefined || models.some(({ name }) => name === filters.modelName)
  return hasModel && hasTags(tags, filters.tags)
}
