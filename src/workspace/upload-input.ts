/** Uploads files that batch jobs score. */
import { randomUUID } from 'node:crypto'
import { createReadStream, statSync } from 'node:fs'
import { basename } from 'node:path'
import type { WorkspaceStore } from '../client/workspace.ts'
import { WorkspaceError } from '../client/workspace-error.ts'
import type { RepositoryFiles } from '../models/repository/repository-files.ts'

/** @param open  opens the container `input` */
export function uploadInput(open: () => Promise<RepositoryFiles>): WorkspaceStore['uploadInput'] {
  return async (file, blob) => {
    const found = statSync(file, { throwIfNoEntry: false })
    if (!found?.isFile()) throw new WorkspaceError(`${file} ${found ? 'is no file' : 'does not exist'}`)
    const path = blob === undefined ? `${randomUUID()}/${basename(file)}` : pathInInput(blob)
    const container = await open()
    const isNew = await container.create(path, () => createReadStream(file, { highWaterMark: 2 ** 20 }))
    if (!isNew) throw new WorkspaceError(`the blob input/${path} exists already; name another one`)
    return `input/${path}`
  }
}

function pathInInput(blob: string): string {
  const [, path] = /^input\/(.+)$/.exec(blob) ?? []
  if (path === undefined)
    throw new WorkspaceError(`${blob}: files are uploaded to the container input, such as input/rows.csv`)
  return path
}
