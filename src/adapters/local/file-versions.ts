import { type Dirent, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'

/**
 * Files that editors, systems and unfinished copies leave for a while, and packages, which need a restart anyway. What says that a
 * version is being registered counts.
 */
const ignored = /^\.(?!registering$)|^#|^4913$|~$|\.(swp|swx|tmp|part|partial|crdownload)$|^(node_modules|__pycache__)$/
/** Links may form a circle. */
const maxDepth = 8
/** Entries that are read before other work has its turn. */
const entriesPerTurn = 32

/**
 * Lists the files of a folder, and of the folders in it, each with its size and time of change. Links are followed. The calls
 * are synchronous, which takes a third of the processor time, and pause after every few files.
 *
 * @returns by path with `/`
 * @throws when the folder itself cannot be read
 */
export async function readFileVersions(folder: string): Promise<Map<string, string>> {
  const versions = new Map<string, string>()
  const folders = [{ folder, prefix: '', depth: 0 }]
  let count = 0
  for (let next = folders.pop(); next; next = folders.pop()) {
    for (const entry of next.depth === 0 ? readEntries(folder) : tryReadEntries(next.folder)) {
      if (++count % entriesPerTurn === 0) await nextTurn()
      const { name } = entry
      if (ignored.test(name)) continue
      const path = join(next.folder, name)
      const found = entry.isDirectory() ? entry : statSync(path, { bigint: true, throwIfNoEntry: false })
      if (!found) continue // removed meanwhile
      const prefixed = next.prefix + name
      if (found.isDirectory() && next.depth < maxDepth)
        folders.push({ folder: path, prefix: `${prefixed}/`, depth: next.depth + 1 })
      else if ('size' in found && found.isFile()) versions.set(prefixed, `${found.size} ${found.mtimeNs}`)
    }
  }
  return versions
}

function readEntries(folder: string): Dirent[] {
  return readdirSync(folder, { withFileTypes: true })
}

function tryReadEntries(folder: string): Dirent[] {
  try {
    return readEntries(folder)
  } catch {
    return [] // removed meanwhile
  }
}
