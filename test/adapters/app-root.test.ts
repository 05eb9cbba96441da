import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, describe, it } from 'vitest'
import { findAppRoot, findPackageRoot } from '../../src/adapters/local/app-root.ts'

const folder = mkdtempSync(join(tmpdir(), 'roots-'))
afterAll(() => rmSync(folder, { recursive: true, maxRetries: 9 }))
const makeFolder = (name: string, isApp: boolean) => {
  mkdirSync(join(folder, name))
  if (isApp) writeFileSync(join(folder, name, 'host.json'), '{}')
  return join(folder, name)
}
const [named, root, working, other] = ['named', 'root', 'working', 'other'].map(name =>
  makeFolder(name, name !== 'other'),
)
const repository = resolve(import.meta.dirname, '../..')

describe('findAppRoot', () => {
  it.each([
    ['the folder that the host names', { functionAppDirectory: named, scriptRoot: root, workingDir: working }, named],
    ['AzureWebJobsScriptRoot', { scriptRoot: root, workingDir: working }, root],
    ['the working directory', { functionAppDirectory: '', scriptRoot: other, workingDir: working }, working],
    ['the nearest above the code', { workingDir: other }, repository],
  ])('is %s', (_name, hints, expected) => {
    assert.equal(findAppRoot(hints as Parameters<typeof findAppRoot>[0]), expected)
  })
})

describe('findPackageRoot', () => {
  it('is the folder of this package, whatever the working directory is', () => {
    assert.equal(findPackageRoot(), repository)
  })
})
