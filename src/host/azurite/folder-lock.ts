import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { isAnswered } from '../free-port.ts'

/** Held until it is released, or until this process ends, however it ends. */
export interface FolderLock {
  release(): void
}

/**
 * Locks a folder for this process. The lock is a listening socket: unlike a file with a process id it cannot outlive its
 * process, nor be mistaken for the lock of another one.
 *
 * @returns undefined when another process holds the lock
 */
export async function lockFolder(folder: string): Promise<FolderLock | undefined> {
  const name = `scoring-functions-${createHash('sha256').update(resolve(folder)).digest('hex').slice(0, 16)}`
  const path = process.platform === 'win32' ? `\\\\.\\pipe\\${name}` : join(tmpdir(), `${name}.sock`)
  const first = await tryListen(path)
  if (first) return asLock(first)
  if (await isAnswered({ path })) return undefined
  rmSync(path, { force: true }) // its process was killed
  const second = await tryListen(path)
  return second && asLock(second)
}

async function tryListen(path: string): Promise<Server | undefined> {
  const server = createServer(socket => socket.destroy()).unref()
  try {
    await once(server.listen(path), 'listening')
    return server
  } catch {
    return undefined
  }
}

function asLock(server: Server): FolderLock {
  return { release: () => server.close() }
}
