import { readdirSync, rmSync, statfsSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** A name nobody could have taken for an entry. */
export const unfinishedPrefix = 'unfinished-'
/** What a writer that was killed left is removed by a later one. */
const longestWriteMs = 10 * 60_000

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
