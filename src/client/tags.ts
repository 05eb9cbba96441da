/** Tags to look for: a name, or a name with its value. */
export type TagFilters = readonly (string | readonly [name: string, value: string])[]

/** Whether all of these tags are there. */
export function hasTags(tags: Readonly<Record<string, string>>, filters: TagFilters = []): boolean {
  return filters.every(tag => (typeof tag === 'string' ? Object.hasOwn(tags, tag) : tags[tag[0]] === tag[1]))
}
