/** Locks between processes that change the same file. */
import { open, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

/** A lock is held for the time of a rename; one that is older was left by a process that ended. */
const leftAfterMs = 10_000
const pollMs = 20
/** Windows refuses a file with EPERM that is being removed, and others a folder that must not be changed. */
const maxRefusals = 100

/**
 * Changes a file while no other process does that asks for the same lock; the Python client has the same.
 *
 * @param path  of the file; its folder exists
 */
export async function withFileLock<T>(path: string, work: () => Promise<T>): Promise<T> {
  const lock = join(dirname(path), `.${basename(path)}.lock`)
  await acquire(lock)
  try {
    return await work()
  } finally {
    await rm(lock, { force: true })
  }
}

async function acquire(lock: string): Promise<void> {
  for (let refusals = 0; ; ) {
    try {
      return await (await open(lock, 'wx')).close()
    } catch (failure) {
      const { code } = failure as NodeJS.ErrnoException
      if (code !== 'EEXIST' && (code !== 'EPERM' || ++refusals > maxRefusals)) throw failure
    }
    const held = await stat(lock).catch(() => undefined) // released meanwhile
    if (held && Date.now() - held.mtimeMs > leftAfterMs) await rm(lock, { force: true })
    else await delay(pollMs)
  }
}
