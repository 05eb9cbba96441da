/** The first name that another one before it is the same as: a file may have a hundred thousand, so each is looked at once. */
export function repeatedName(names: readonly string[]): string | undefined {
  const seen = new Set<string>()
  return names.find(name => seen.size === seen.add(name).size)
}
