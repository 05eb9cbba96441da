import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'vitest'
import { pythonWith } from '../support/python.ts'
import { run } from './tools.ts'

describe('guide/from-azure-ml.md', () => {
  it('names what azureml-core has, all calls for services and models, and what is the same here', async test => {
    const found = await pythonWith('test/clients/python/migration-requirements.txt')
    if ('missing' in found) return test.skip(found.missing)
    const compare = async (page: string) => {
      const program = ['PYTHONPATH=clients/python', found.python, 'test/clients/python/compare_migration.py', page]
      const { code, stdout, stderr } = await run('env', ...program)
      assert.equal(code, 0, stderr)
      const { rows, ...differences } = JSON.parse(stdout)
      assert.ok(rows > 30, `${rows} rows were read`)
      return differences
    }
    const page = 'guide/from-azure-ml.md'
    assert.deepEqual(await compare(page), { 'not in Azure ML': [], 'not the same': [], 'not on the page': [] })

    // A page that is wrong is found out.
    const folder = await mkdtemp(join(tmpdir(), 'migration-'))
    test.onTestFinished(() => rm(folder, { recursive: true, maxRetries: 9 }))
    const wrong = (await readFile(page, 'utf8'))
      .replace('`regen_key', '`renew_key')
      .replaceAll('regen_key', '')
      .replace('| `reload()` of `LocalWebservice` | not needed:', '| `reload()` of `LocalWebservice` | the same:')
    await writeFile(join(folder, 'page.md'), wrong)
    assert.deepEqual(await compare(join(folder, 'page.md')), {
      'not in Azure ML': ['renew_key'],
      'not the same': ['reload', 'renew_key'],
      'not on the page': ['regen_key'],
    })
  })
})
