/** The files of a model that a caller names on this machine. */
import { createReadStream, existsSync, realpathSync, statSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { basename, dirname, isAbsolute, join, normalize, relative, resolve, sep } from 'node:path'
import { ModelFile } from '../adapters/onnxruntime/model-file.ts'
import { WorkspaceError } from '../client/workspace-error.ts'
import { externalFiles } from '../models/graph/external-files.ts'
import type { Content } from '../models/repository/repository-files.ts'

/** What editors, systems and package managers leave in folders. */
const ignored = /^\.|^(node_modules|__pycache__)$|~$/

/**
 * Finds the files of a model: an ONNX file with those that hold its weights, any other file, or all files of a folder.
 *
 * @returns contents by the path in the folder of the version, with `/`
 * @throws WorkspaceError when something is missing
 */
export async function findModelFiles(modelPath: string): Promise<Record<string, Content>> {
  const path = resolve(modelPath)
  const found = statSync(path, { throwIfNoEntry: false })
  if (!found) throw new WorkspaceError(`modelPath: ${modelPath} does not exist`)
  const root = found.isDirectory() ? path : dirname(path)
  const files = found.isDirectory() ? await listFiles(path) : [path, ...findWeights(path)]
  if (files.length === 0) throw new WorkspaceError(`modelPath: ${modelPath} is an empty folder`)
  return Object.fromEntries(files.map(file => [slashed(relative(root, file)), () => createReadStream(file)]))
}

/**
 * All files of a folder and its folders, without what begins with a dot, and without packages. Links are followed.
 *
 * @throws WorkspaceError for what is no file that could be copied
 */
export async function listFiles(folder: string, above: readonly string[] = []): Promise<string[]> {
  const own = realpathSync(folder)
  if (above.includes(own)) throw new WorkspaceError(`${folder} is a link to a folder that it is in`)
  const names = (await readdir(folder)).filter(name => !ignored.test(name))
  const found = names.map(name => {
    const path = join(folder, name)
    const entry = statSync(path, { throwIfNoEntry: false })
    if (entry?.isDirectory()) return listFiles(path, [...above, own])
    if (entry?.isFile()) return [path]
    throw new WorkspaceError(`${path} is ${entry ? 'no file' : 'a link to nothing'}`)
  })
  return (await Promise.all(found)).flat().sort()
}

function findWeights(path: string): string[] {
  if (!/\.onnx$/i.test(path)) return []
  const name = basename(path)
  const { model } = new ModelFile({ name, path, sha256: undefined })
  const listed = externalFiles(model)
  if (listed === undefined)
    throw new WorkspaceError(
      `${name} has sparse tensors, so the files with its weights cannot be told: register its folder`,
    )
  const folder = dirname(path)
  return listed
    .filter(file => file !== name)
    .map(file => {
      if (isAbsolute(file) || normalize(file).split(sep).includes('..'))
        throw new WorkspaceError(
          `${name} has weights in ${file}, outside its folder: save it again with the weights beside it`,
        )
      if (!existsSync(join(folder, file)))
        throw new WorkspaceError(`${name} has weights in ${file}, which is not in ${folder}`)
      return join(folder, file)
    })
}

export const slashed = (path: string): string => path.split(sep).join('/')
