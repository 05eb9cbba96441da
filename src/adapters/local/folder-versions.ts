/** The versions of a service in a folder: numbered folders, copied there or registered. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { versionPattern } from '../../models/repository/repository-layout.ts'
import {
  decodeRecord,
  recordFile,
  reservationFile,
  type VersionRecord,
} from '../../models/repository/version-record.ts'
import { sortVersions } from '../../models/repository/versions.ts'

/** @returns the digest that a file of a registered version has */
export async function readDigest(folder: string, path: string): Promise<string | undefined> {
  const [version = '', ...file] = path.split(/[\\/]/).filter(part => part !== '.')
  if (file.length === 0 || !versionPattern.test(version)) return undefined
  const record = await readRecord(join(folder, version))
  return record?.files.find(each => each.path === file.join('/'))?.sha256
}

/** @returns undefined when the version was not registered, but copied */
async function readRecord(folder: string): Promise<VersionRecord | undefined> {
  const text = await readFile(join(folder, recordFile), 'utf8').catch(() => undefined)
  return text === undefined ? undefined : decodeRecord(text)
}

/** @returns the numbered folders that hold a model, oldest first */
export async function listVersions(folder: string): Promise<string[]> {
  const numbered = sortVersions(await readdir(folder))
  const files = await Promise.all(numbered.map(version => listFinished(join(folder, version))))
  return numbered.filter((_, index) => modelFiles(files[index] ?? []).length > 0)
}

/** @returns the names of the files of a version, if it is not being registered, and not deleted */
async function listFinished(folder: string): Promise<string[]> {
  const files = await readdir(folder).catch((): string[] => [])
  if (!files.includes(recordFile)) return files.includes(reservationFile) ? [] : files
  return (await readRecord(folder))?.deletedAt === undefined ? files : []
}

/** @returns the models in a folder, less the optimized file of a model that is there too */
export function modelFiles(names: readonly string[]): string[] {
  const isOptimized = (name: string) =>
    name.endsWith('.optimized.onnx') && names.includes(name.replace(/\.optimized\.onnx$/, '.onnx'))
  return names.filter(name => name.endsWith('.onnx') && !isOptimized(name))
}

/** Looks beside where `service.json` would be, and in the folders of versions. */
export async function hasModelFile(folder: string): Promise<boolean> {
  const inFolder = await readdir(folder).catch(() => undefined)
  if (!inFolder) return false
  if (inFolder.some(file => file.endsWith('.onnx'))) return true
  const versions = await listVersions(folder)
  const records = await Promise.all(versions.map(version => readRecord(join(folder, version))))
  return records.some(record => !record) // a model that was registered need not be served
}
