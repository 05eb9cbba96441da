import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, it } from 'vitest'
import { run, works } from './tools.ts'

const tool = resolve('tools/api-page')

/** TypeDoc is a package of the tool alone, which is installed when it is asked for. */
async function isInstalled(): Promise<boolean> {
  const { dependencies } = JSON.parse(readFileSync(join(tool, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>
  }
  const isThere = Object.entries(dependencies).every(([name, version]) => {
    const manifest = join(tool, 'node_modules', name, 'package.json')
    return existsSync(manifest) && JSON.parse(readFileSync(manifest, 'utf8')).version === version
  })
  return isThere || works('npm', 'ci', '--prefix', tool)
}

describe('guide/api.md', () => {
  it('is what the docstrings of the SDK say, and none is missing', async test => {
    if (!(await isInstalled())) return test.skip('npm cannot install tools/api-page')
    const { code, stdout, stderr } = await run(process.execPath, join(tool, 'write.ts'), '--check')
    assert.equal(code, 0, stdout + stderr)
  })
})
