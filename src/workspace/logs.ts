/** The log of an app, as far as a workspace can read it. */
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import type { WorkspaceStore } from '../client/workspace.ts'
import { WorkspaceError } from '../client/workspace-error.ts'

/** `scoring start` writes what the app prints to this file too. */
export const logFile = (root: string): string => join(root, '.local', 'app.log')

/** The end of a log that is read. */
const maxReadBytes = 8 * 2 ** 20

/** The lines of a service begin with its name in brackets, also where it runs several deployments. */
export function folderLogs(root: string): WorkspaceStore['readLogs'] {
  return async (service, numLines) => {
    const text = await readEnd(logFile(root))
    const lines = text.split('\n').filter(line => line.includes(`[${service}]`) || line.includes(`[${service}/`))
    return lines
      .slice(-numLines)
      .map(line => `${line}\n`)
      .join('')
  }
}

/** In Azure, logs are in Application Insights. */
export const noLogs: WorkspaceStore['readLogs'] = async service => {
  const query = `union traces, exceptions | where message has "[${service}]" | order by timestamp desc`
  throw new WorkspaceError(
    `the log of an app in Azure is in Application Insights; this query shows the lines of ${service}: ${query}`,
  )
}

async function readEnd(path: string): Promise<string> {
  const file = await open(path).catch((failure: NodeJS.ErrnoException) => {
    if (failure.code === 'ENOENT')
      throw new WorkspaceError(`there is no log yet: "npx scoring start" writes it to ${path}`)
    throw failure
  })
  try {
    const { size } = await file.stat()
    const length = Math.min(size, maxReadBytes)
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, size - length)
    const text = buffer.subarray(0, bytesRead).toString()
    return length < size ? text.slice(text.indexOf('\n') + 1) : text
  } finally {
    await file.close()
  }
}
