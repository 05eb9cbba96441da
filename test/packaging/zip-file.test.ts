import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, it } from 'vitest'
import { openDeflate } from '../../src/packaging/deflate.ts'
import type { PackageEntry } from '../../src/packaging/package-entry.ts'
import { writeZip } from '../../src/packaging/zip-file.ts'
import type { Cleaner } from '../support/cleaner.ts'
import { findNoPython } from '../support/python.ts'
import { skipFor } from '../support/skip-for.ts'

async function temporaryFolder(test: Cleaner): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'zip-'))
  test.onTestFinished(() => rm(folder, { recursive: true, force: true, maxRetries: 9 }))
  return folder
}

/** What Python's own reader finds: name, size, compression, mode and time of each file; it checks every checksum. */
async function readWithPython(file: string) {
  const program = `
import json, sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as package:
    assert package.testzip() is None
    print(json.dumps([[i.filename, package.read(i).hex(), i.compress_type, oct(i.external_attr >> 16), i.date_time] for i in package.infolist()]))`
  const { stdout } = await promisify(execFile)('python3', ['-c', program, file])
  return JSON.parse(stdout) as [name: string, content: string, compression: number, mode: string, time: number[]][]
}

const noise = Buffer.from(Array.from({ length: 300 }, (_, index) => (index * index * 31 + (index >> 3)) % 251))

const noPython = await findNoPython()

describe('writeZip', () => {
  const deflate = openDeflate('/nowhere', () => false)

  it(
    'writes what Python reads: files in order, checked, without a time, compressed where that helps',
    skipFor(noPython),
    async test => {
      const folder = await temporaryFolder(test)
      await writeFile(join(folder, 'z.txt'), 'a'.repeat(1000))
      await writeFile(join(folder, 'large.bin'), 'b'.repeat(5000))
      const file = join(folder, 'app.zip')
      const entries: PackageEntry[] = [
        { path: 'z.txt', source: join(folder, 'z.txt') },
        { path: 'noise.bin', source: noise },
        { path: 'empty', source: new Uint8Array(0) },
        { path: 'models/größe.json', source: Buffer.from('{}') },
        { path: 'large.bin', source: join(folder, 'large.bin') },
      ]
      const packed = await writeZip(file, entries, deflate, { maxDeflatedBytes: 4000 })
      const hex = (text: string) => Buffer.from(text).toString('hex')
      const mode = '0o100644'
      const time = [1980, 1, 1, 0, 0, 0]
      assert.deepEqual(await readWithPython(file), [
        ['empty', '', 0, mode, time],
        ['large.bin', hex('b'.repeat(5000)), 0, mode, time],
        ['models/größe.json', hex('{}'), 0, mode, time],
        ['noise.bin', noise.toString('hex'), 0, mode, time],
        ['z.txt', hex('a'.repeat(1000)), 8, mode, time],
      ])
      assert.deepEqual(
        packed.map(({ path, bytes }) => [path, bytes]),
        [
          ['empty', 0],
          ['large.bin', 5000],
          ['models/größe.json', 2],
          ['noise.bin', 300],
          ['z.txt', 1000],
        ],
      )
      assert.ok((packed[4]?.packedBytes ?? 1000) < 20)
    },
  )

  it('makes the same bytes of the same files, in whichever order and whenever they were written', async test => {
    const folder = await temporaryFolder(test)
    const write = async (name: string, order: (entries: PackageEntry[]) => PackageEntry[]) => {
      const source = join(folder, 'a.txt')
      await writeFile(source, 'a'.repeat(1000))
      await utimes(source, new Date(), new Date(name === 'one.zip' ? 0 : 1e12))
      await writeZip(
        join(folder, name),
        order([
          { path: 'a.txt', source },
          { path: 'B', source: noise },
        ]),
        deflate,
      )
      return readFile(join(folder, name))
    }
    assert.deepEqual(await write('one.zip', entries => entries), await write('two.zip', entries => entries.reverse()))
  })

  it('leaves an earlier file alone when it fails, and nothing of its own', async test => {
    const folder = await temporaryFolder(test)
    await writeFile(join(folder, 'app.zip'), 'earlier')
    const entries = [{ path: 'a', source: join(folder, 'absent') }]
    await assert.rejects(writeZip(join(folder, 'app.zip'), entries, deflate), /ENOENT/)
    assert.deepEqual(await readdir(folder), ['app.zip'])
    assert.equal(await readFile(join(folder, 'app.zip'), 'utf8'), 'earlier')
  })
})

describe('openDeflate', () => {
  it('keeps large files compressed, and does not trust a damaged one', async test => {
    const cache = join(await temporaryFolder(test), 'cache')
    const content = Buffer.alloc(2 ** 20 + 7, 'abcdefghij')
    const deflate = openDeflate(cache, path => path.endsWith('.onnx'))
    const first = deflate(content, 'lib.so')
    const [name = ''] = await readdir(cache)
    assert.deepEqual(await readFile(join(cache, name)), Buffer.from(first))
    await writeFile(join(cache, name), 'damaged')
    assert.deepEqual(Buffer.from(deflate(content, 'lib.so')), Buffer.from(first))
    deflate(Buffer.alloc(2 ** 20 + 8), 'model.onnx')
    assert.equal((await readdir(cache)).length, 1)
  })
})
