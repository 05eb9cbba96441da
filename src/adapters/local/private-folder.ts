import { existsSync, lstatSync, mkdirSync } from 'node:fs'
import { dirname } from 'node:path'

/**
 * Makes the folder, or makes sure that it belongs to this user alone.
 *
 * @throws Error saying what is wrong with it
 */
export function openPrivateFolder(folder: string): void {
  makeFolder(folder)
  const { uid, mode } = refuseLink(folder)
  const user = process.geteuid?.()
  if (user === undefined) return // Windows: temporary folders belong to one user
  if (uid !== user) throw new Error(`${folder} belongs to another user`)
  if ((mode & 0o077) !== 0) throw new Error(`${folder} is open to other users: it needs mode 0700`)
}

/** Makes the folder and those above it. Node.js's own `recursive` never returns where no folder can be made, as in /proc (24.21). */
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
