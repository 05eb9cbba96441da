import { randomBytes } from 'node:crypto'
import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'

/** Of this process. */
const own = new Set<string>()
/** Of a process on another machine it is not known whether it lives. */
const strangerEndedAfterMs = 7 * 24 * 3_600_000

/** Makes a folder for this process alone, and removes those of processes that have ended. */
export function openProcessFolder(parent: string): string {
  mkdirSync(parent, { recursive: true })
  const host = hostname().replace(/[^A-Za-z0-9-]/g, '-')
  for (const name of readdirSync(parent)) {
    if (hasEnded(parent, name, host)) rmSync(join(parent, name), { recursive: true, force: true })
  }
  const name = `${host}.${process.pid}.${randomBytes(6).toString('hex')}`
  own.add(name)
  mkdirSync(join(parent, name))
  return join(parent, name)
}

function hasEnded(parent: string, name: string, host: string): boolean {
  const [, owner, pid] = /^(.*)\.(\d+)\.[0-9a-f]{12}$/.exec(name) ?? []
  if (pid === undefined) return false
  if (owner !== host) {
    const madeAt = statSync(join(parent, name), { throwIfNoEntry: false })?.mtimeMs
    return madeAt !== undefined && Date.now() - madeAt > strangerEndedAfterMs
  }
  if (Number(pid) === process.pid) return !own.has(name) // an earlier process of a container, which always has this number
  try {
    process.kill(Number(pid), 0)
    return false
  } catch (failure) {
    return (failure as NodeJS.ErrnoException).code === 'ESRCH'
  }
}
