import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'vitest'
import { FolderRepositoryFiles } from '../../src/adapters/local/folder-repository-files.ts'
import { findModelFiles } from '../../src/workspace/model-files.ts'

async function makeFolder(test: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'model-files-'))
  test.onTestFinished(() => rm(folder, { recursive: true, maxRetries: 9 }))
  await mkdir(join(folder, 'weights'))
  await writeFile(join(folder, 'weights/part.bin'), 'w')
  return folder
}

describe('findModelFiles', () => {
  it('follows links, and leaves out what editors and systems leave', async test => {
    const folder = await makeFolder(test)
    await symlink(join(folder, 'weights'), join(folder, 'same'))
    for (const name of ['.DS_Store', 'model.onnx~']) await writeFile(join(folder, name), '')
    assert.deepEqual(Object.keys(await findModelFiles(folder)), ['same/part.bin', 'weights/part.bin'])
  })

  it('names a link in a circle, and one to nothing', async test => {
    const folder = await makeFolder(test)
    await symlink('..', join(folder, 'weights/up'))
    await assert.rejects(findModelFiles(folder), {
      name: 'WorkspaceError',
      message: `${join(folder, 'weights/up')} is a link to a folder that it is in`,
    })
    await rm(join(folder, 'weights/up'))
    await symlink('gone', join(folder, 'weights/old'))
    await assert.rejects(findModelFiles(folder), { message: `${join(folder, 'weights/old')} is a link to nothing` })
  })
})

describe('FolderRepositoryFiles', () => {
  it('lists each file once per way to it, although links form a circle', async test => {
    const folder = await makeFolder(test)
    await symlink('..', join(folder, 'weights/up'))
    await symlink('..', join(folder, 'weights/again'))
    const listed = [...(await new FolderRepositoryFiles(folder).list('')).keys()]
    assert.ok(listed.includes('weights/part.bin'))
    assert.ok(listed.length <= 3, listed.join(' ')) // the folder itself is no part of its own listing
  })
})
