import { existsSync, lstatSync, mkdirSync, readdirSync, rmSync, statfsSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** A name nobody could have taken for an entry. */
export const unfinishedPrefix = 'unfinished-'
/** What a writer that was killed left is removed by a later one. */
const longestWriteMs = 10 * 60_000

/**
 * Makes the folder, or makes sure that nobody else can write to it: what is in it goes to native code.
 *
 * @throws Error saying what is wrong with it
 */
export function openCacheFolder(folder: string): void {
  makeFolder(folder)
  const { uid, mode } = refuseLink(folder)
  const user = process.geteuid?.()
  if (user === undefined) return // Windows: temporary folders belong to one user
  if (uid !== user) throw new Error(`${folder} belongs to another user`)
  if ((mode & 0o077) !== 0) throw new Error(`${folder} is open to other users: it needs mode 0700`)
}

/** With those above it. Node.js's own `recursive` tries for ever where no folder can be made, as in /proc (24.21). */
function makeFolder(folder: string): void {
  if (existsSync(folder)) return
  makeFolder(dirname(folder))
  try {
    mkdirSync(folder, { mode: 0o700 })
  } catch (failure) {
    if ((failure as NodeJS.ErrnoException).code !== 'EEXIST') throw failure // another process was faster
  }
}

function refuseLink(folder: string): { uid: number; mode: number } {
  const found = lstatSync(folder)
  if (!found.isDirectory()) throw new Error(`${folder} is not a folder`)
  return found
}

/** Entries with the bytes they hold, the one that was used longest ago first. */
function entriesOf(folder: string): { path: string; bytes: number; usedAt: number }[] {
  const entries = []
  for (const name of readdirSync(folder)) {
    const path = join(folder, name)
    try {
      const bytes = readdirSync(path).reduce((sum, file) => sum + statSync(join(path, file)).size, 0)
      entries.push({ path, bytes, usedAt: statSync(path).mtimeMs })
    } catch {
      // A file of fingerprints, or an entry that goes just now.
    }
  }
  return entries.sort((one, other) => one.usedAt - other.usedAt)
}

/**
 * Removes what was used longest ago until the rest and what is to come fit.
 *
 * @param maxBytes  of all entries; a quarter of what they have and what is free on the disk is the limit too
 * @param coming  bytes that are about to be written
 * @returns whether there is room
 */
export function makeRoom(folder: string, maxBytes: number, coming: number, now = Date.now()): boolean {
  const entries = entriesOf(folder)
  let held = entries.reduce((sum, { bytes }) => sum + bytes, 0)
  const { bavail, bsize } = statfsSync(folder)
  const most = Math.min(maxBytes, (bavail * bsize + held) / 4)
  if (coming > most) return false
  for (const { path, bytes, usedAt } of entries) {
    const isUnfinished = path.startsWith(join(folder, unfinishedPrefix))
    const isLeftover = isUnfinished && now - usedAt > longestWriteMs
    // Others that are being written are let be.
    if (!isLeftover && (isUnfinished || held + coming <= most)) continue
    rmSync(path, { recursive: true, force: true })
    held -= bytes
  }
  return true
}
