/** A file of the package. */
export interface PackageEntry {
  /** Where it is in the package, with slashes, e.g. `node_modules/sharp/lib/index.js`. */
  readonly path: string
  /** The file that holds it, or its content. */
  readonly source: string | Uint8Array
}

/** Entries by path, in an order that no language setting of a machine changes. */
export function sortEntries(entries: readonly PackageEntry[]): PackageEntry[] {
  return entries.toSorted((one, other) => (one.path < other.path ? -1 : one.path > other.path ? 1 : 0))
}
