/** Finds what has changed in a store of services, by comparing its files from time to time. */

/** Files by their path, with `/`, each with an opaque text that is another one whenever the file has changed. */
export type FileVersions = ReadonlyMap<string, string>

/** All files of a store. */
export interface StoreFiles {
  /** By the name of the service, with paths from its folder. */
  readonly services: ReadonlyMap<string, FileVersions>
  /** Files that belong to no service, which scripts may import; with paths from the root. */
  readonly shared: FileVersions
  /** Names of what has a model and lacks a definition. */
  readonly undefinedServices: ReadonlySet<string>
}

/** @returns the files of a service that count */
export type SelectFiles = (name: string, files: FileVersions) => FileVersions

/** How a file has changed. */
export type FileChange = 'added' | 'changed' | 'removed'

export type StoreChange =
  /** A service is new, or its files have changed. */
  | { readonly kind: 'service'; readonly name: string; readonly files: ReadonlyMap<string, FileChange> }
  | { readonly kind: 'service-removed'; readonly name: string }
  | { readonly kind: 'shared'; readonly files: ReadonlyMap<string, FileChange> }
  /** There is a model now that lacks a definition. */
  | { readonly kind: 'undefined-service'; readonly name: string }

/** People save these; everything else may be written by a script. */
export const savedByPeople = /^service\.json$|\.([cm]?[jt]s|onnx)$/
/** Weights beside a model may take minutes to copy. */
const weights = /\.(data|bin|pb|weights)$|_data$/
/** A file that has changed in so many polls in a row is written again and again, such as a log of requests. */
const restlessPolls = 10

/**
 * Reports a change once it has settled: when two polls in a row see the same, so that a half-copied file is not read. A file that
 * never settles keeps no other change back.
 */
export class StoreChanges {
  #reported: StoreFiles
  #last: StoreFiles
  /** Polls in a row that saw a file changed, by service; '' stands for the files that belong to none. */
  readonly #moves = new Map<string, ReadonlyMap<string, number>>()

  /** @param known  what was there when the services were loaded */
  constructor(known: StoreFiles) {
    this.#reported = known
    this.#last = known
  }

  /** Leaves out files, also from what was seen before, so that they do not count as removed. */
  leaveOut(filter: (files: StoreFiles) => StoreFiles): void {
    this.#reported = filter(this.#reported)
    this.#last = filter(this.#last)
  }

  /**
   * @param seen  what is there now
   * @param select  the files of a service that count as it is served now; those of other versions may come and go
   * @returns what has changed since it was reported last, and has settled
   */
  observe(seen: StoreFiles, select: SelectFiles = (_name, files) => files): StoreChange[] {
    const reported = this.#reported
    const last = this.#last
    this.#last = seen
    const changes: StoreChange[] = []
    const services = new Map(reported.services)
    for (const name of new Set([...reported.services.keys(), ...seen.services.keys()])) {
      const before = reported.services.get(name)
      const [now, previous] = this.#calm(name, before, seen.services.get(name), last.services.get(name))
      const [selected, known, confirmed] = [now, before, previous].map(files => files && select(name, files))
      if (isSame(selected, known)) {
        if (now) services.set(name, now)
        continue
      }
      if (!isSame(selected, confirmed)) continue
      if (now) {
        services.set(name, now)
        changes.push({ kind: 'service', name, files: compareFiles(known, selected ?? now) })
      } else {
        services.delete(name)
        changes.push({ kind: 'service-removed', name })
      }
    }
    const [seenShared, lastShared] = this.#calm('', reported.shared, seen.shared, last.shared)
    const isSharedChange = !isSame(seenShared, reported.shared) && isSame(seenShared, lastShared)
    if (isSharedChange) changes.push({ kind: 'shared', files: compareFiles(reported.shared, seenShared) })
    const settled = seen.undefinedServices.intersection(last.undefinedServices)
    for (const name of settled.difference(reported.undefinedServices)) changes.push({ kind: 'undefined-service', name })
    const shared = isSharedChange ? seenShared : reported.shared
    this.#reported = { services, shared, undefinedServices: settled }
    return changes
  }

  /** @returns both lists with the files that never settle as they were reported */
  #calm<Now extends FileVersions | undefined>(
    owner: string,
    reported: FileVersions | undefined,
    now: Now,
    last: FileVersions | undefined,
  ): [Now, FileVersions | undefined] {
    const moves = countMoves(this.#moves.get(owner), now, last)
    if (moves.size === 0) this.#moves.delete(owner)
    else this.#moves.set(owner, moves)
    const restless = [...moves].filter(([, polls]) => polls >= restlessPolls).map(([path]) => path)
    if (restless.length === 0) return [now, last]
    const calm = (files: FileVersions | undefined) => {
      const calmed = new Map(files)
      for (const path of restless) {
        const version = reported?.get(path)
        if (version === undefined) calmed.delete(path)
        else calmed.set(path, version)
      }
      return calmed
    }
    return [calm(now) as FileVersions as Now, calm(last)]
  }
}

function countMoves(
  before: ReadonlyMap<string, number> | undefined,
  now: FileVersions | undefined,
  last: FileVersions | undefined,
): ReadonlyMap<string, number> {
  const moves = new Map<string, number>()
  if (now === undefined || last === undefined || isSame(now, last)) return moves
  for (const [path, version] of now) {
    const isMoved = last.has(path) && last.get(path) !== version
    if (isMoved && !savedByPeople.test(path) && !weights.test(path)) moves.set(path, (before?.get(path) ?? 0) + 1)
  }
  return moves
}

export function isSame(one: FileVersions | undefined, other: FileVersions | undefined): boolean {
  if (one === other) return true
  if (!one || !other || one.size !== other.size) return false
  for (const [path, version] of one) if (other.get(path) !== version) return false
  return true
}

/** Whether services and shared files are the same. */
export function isSameStore(one: StoreFiles, other: StoreFiles): boolean {
  if (one.services.size !== other.services.size || !isSame(one.shared, other.shared)) return false
  for (const [name, files] of one.services) if (!isSame(files, other.services.get(name))) return false
  return true
}

function compareFiles(before: FileVersions = new Map(), now: FileVersions): Map<string, FileChange> {
  const files = new Map<string, FileChange>()
  for (const [path, version] of now) {
    const previous = before.get(path)
    if (previous !== version) files.set(path, previous === undefined ? 'added' : 'changed')
  }
  for (const path of before.keys()) if (!now.has(path)) files.set(path, 'removed')
  return files
}
