import { constants } from 'node:fs'
import { copyFile, mkdir, rename, rm, unlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { FoundModel } from './find-model.ts'

/** A file of a service by its path in the folder of the service. */
export type NewFiles = Readonly<Record<string, string>>

/**
 * Copies a model into a version of a service. The folder of the version appears whole, because a running app looks for new
 * ones.
 *
 * @returns the path of the copy
 */
export async function writeVersion(folder: string, version: number, { path, weights }: FoundModel): Promise<string> {
  const staging = join(folder, `.${version}-adding`)
  await rm(staging, { recursive: true, force: true })
  await mkdir(staging, { recursive: true })
  try {
    await copyFile(path, join(staging, 'model.onnx'), constants.COPYFILE_FICLONE)
    for (const file of weights) {
      await mkdir(dirname(join(staging, file)), { recursive: true })
      await copyFile(join(dirname(path), file), join(staging, file), constants.COPYFILE_FICLONE)
    }
    await rename(staging, join(folder, String(version)))
  } catch (failure) {
    await rm(staging, { recursive: true, force: true })
    throw failure
  }
  return join(folder, String(version), 'model.onnx')
}

/** Writes the files beside the model; `service.json`, which makes it a service, should be the last one. */
export async function writeFiles(folder: string, files: NewFiles): Promise<void> {
  await mkdir(folder, { recursive: true })
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text)
}

/** @returns the path of the file that was written; none if it was there */
export async function writeIfAbsent(folder: string, name: string, text: string): Promise<string[]> {
  await mkdir(folder, { recursive: true })
  const path = join(folder, name)
  try {
    await writeFile(path, text, { flag: 'wx' })
    return [path]
  } catch (failure) {
    if ((failure as NodeJS.ErrnoException).code !== 'EEXIST') throw failure
    return []
  }
}

/** Deletes what was copied, for `--move`. */
export async function removeOriginals({ path, weights }: FoundModel): Promise<void> {
  for (const file of [path, ...weights.map(each => join(dirname(path), each))]) await unlink(file)
}
