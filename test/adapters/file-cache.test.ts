import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { describe, it, type TestContext } from 'vitest'
import { type CachedSource, FileCache } from '../../src/adapters/local/file-cache.ts'
import { openProcessFolder } from '../../src/adapters/local/process-folder.ts'

async function setUp(test: TestContext, maxBytes = 1e9) {
  const root = await mkdtemp(join(tmpdir(), 'cache-'))
  test.onTestFinished(() => rm(root, { recursive: true, force: true }))
  const lines: string[] = []
  const open = () => new FileCache({ folder: join(root, 'files'), maxBytes, log: line => lines.push(line) })
  let reads = 0
  const source = (text: string, more: Partial<CachedSource> = {}): CachedSource => ({
    key: `key of ${text}`,
    name: text,
    bytes: text.length,
    sha256: createHash('sha256').update(text).digest('hex'),
    async *read() {
      reads++
      yield Buffer.from(text)
    },
    ...more,
  })
  const copies = async () => {
    const folders = await readdir(join(root, 'files')).catch(() => [])
    const names = await Promise.all(folders.map(folder => readdir(join(root, 'files', folder))))
    return names.flatMap((list, index) => list.map(name => join(root, 'files', folders[index] ?? '', name)))
  }
  return { root, lines, open, source, copies, reads: () => reads }
}

describe('FileCache', () => {
  it('reads a file once, for all who want it and for later processes', async test => {
    const { root, open, source, reads } = await setUp(test)
    const cache = open()
    const places = ['a', 'b', 'c'].map(name => join(root, 'opened', name, 'model.onnx'))
    await Promise.all(places.map(place => cache.place(source('content'), place)))
    await open().place(source('content'), join(root, 'again'))
    for (const place of [...places, join(root, 'again')]) assert.equal(await readFile(place, 'utf8'), 'content')
    assert.equal(reads(), 1)
  })

  it('keeps nothing that has another digest or size than it should have', async test => {
    const { root, open, source, copies } = await setUp(test)
    const place = join(root, 'model.onnx')
    const sha256 = createHash('sha256').update('other').digest('hex')
    await assert.rejects(open().place(source('content', { sha256 }), place), /^Error: content has the SHA-256 ed7002b4/)
    await assert.rejects(open().place(source('content', { bytes: 8 }), place), {
      message: 'content has 7 bytes; expected 8',
    })
    const broken = source('content', {
      async *read() {
        yield Buffer.from('con')
        throw new Error('reset')
      },
    })
    await assert.rejects(open().place(broken, place), { message: 'reset' })
    assert.equal(existsSync(place), false)
    assert.deepEqual(await copies(), [])
  })

  it('notices a damaged copy, and reads the file again', async test => {
    const { root, open, source, copies, lines, reads } = await setUp(test)
    await open().place(source('content'), join(root, 'one'))
    const [copy = ''] = await copies()
    await rm(copy)
    await writeFile(copy, 'c0ntent')
    await open().place(source('content'), join(root, 'two'))
    assert.equal(await readFile(join(root, 'two'), 'utf8'), 'content')
    assert.equal(reads(), 2)
    assert.deepEqual(lines, ['the copy of content was damaged, and is read again'])
  })

  it('makes room by what was not used for longest, and keeps what is linked', async test => {
    const { root, open, source, copies } = await setUp(test, 15)
    const cache = open()
    const names = ['first', 'secnd', 'third']
    for (const [index, name] of names.entries()) {
      await cache.place(source(name), join(root, name))
      const all = await copies()
      const copy = all.find(path => basename(path) === source(name).sha256) ?? ''
      await utimes(copy, 1000 + index, 1000 + index)
    }
    await rm(join(root, 'secnd'))
    await rm(join(root, 'third'))
    await cache.place(source('fresh'), join(root, 'fresh'))
    const kept = (await copies()).map(path => basename(path))
    const expected = ['first', 'third', 'fresh'].map(name => source(name).sha256)
    assert.deepEqual(kept.sort(), expected.sort())
  })
})

describe('openProcessFolder', () => {
  it('removes what processes have left that ended, and nothing else', async test => {
    const root = await mkdtemp(join(tmpdir(), 'processes-'))
    test.onTestFinished(() => rm(root, { recursive: true, force: true }))
    const { pid: ended } = spawnSync(process.execPath, ['--version'])
    const host = hostname().replace(/[^A-Za-z0-9-]/g, '-')
    const others = {
      ended: `${host}.${ended}.0123456789ab`,
      living: `${host}.${process.ppid}.0123456789ab`,
      elsewhere: `other-host.${ended}.0123456789ab`,
      stranger: 'readme',
    }
    for (const name of Object.values(others)) await mkdir(join(root, name))
    const own = basename(openProcessFolder(root))
    assert.deepEqual((await readdir(root)).sort(), [others.living, others.elsewhere, others.stranger, own].sort())
  })
})
