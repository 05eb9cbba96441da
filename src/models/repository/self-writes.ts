import { type FileChange, type StoreFiles, savedByPeople } from './store-changes.ts'

/** A service whose files change this often while it loads writes them itself. */
const maxChanges = 3

/** Finds files that a service writes while it loads, such as a cache: each load would be followed by another one. */
export class SelfWrites {
  readonly #changes = new Map<string, { readonly files: string; readonly count: number }>()
  readonly #ignored = new Map<string, Set<string>>()

  /**
   * Counts a change.
   *
   * @param isFromLoad  whether it was seen while the service was loaded, or right after
   * @returns whether the files are ignored from now on
   */
  observe(name: string, changed: ReadonlyMap<string, FileChange>, isFromLoad: boolean): boolean {
    const paths = [...changed.keys()]
    const files = paths.sort().join('\n')
    const previous = this.#changes.get(name)
    const count = isFromLoad && previous?.files === files ? previous.count + 1 : 1
    this.#changes.set(name, { files, count })
    if (count <= maxChanges || paths.some(path => savedByPeople.test(path))) return false
    this.#ignored.set(name, new Set([...(this.#ignored.get(name) ?? []), ...paths]))
    return true
  }

  /** @returns the files without those that are ignored */
  filter(all: StoreFiles): StoreFiles {
    if (this.#ignored.size === 0) return all
    const filtered = [...all.services].map(([name, files]) => {
      const ignored = this.#ignored.get(name)
      return [name, ignored ? new Map([...files].filter(([path]) => !ignored.has(path))) : files] as const
    })
    return { ...all, services: new Map(filtered) }
  }
}
