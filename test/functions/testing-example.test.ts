import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { describe, it } from 'vitest'
import type { Cleaner } from '../support/cleaner.ts'

/** A project with the services of this repository and the package as `npm run build` has made it. */
async function makeProject(test: Cleaner): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'project-'))
  test.onTestFinished(() => rm(root, { recursive: true, force: true, maxRetries: 9 }))
  const scoring = join(root, 'node_modules/scoring-functions')
  await mkdir(scoring, { recursive: true })
  await writeFile(join(root, 'package.json'), '{ "type": "module" }')
  await writeFile(
    join(scoring, 'package.json'),
    '{ "name": "scoring-functions", "exports": { "./testing": "./dist/testing.mjs" } }',
  )
  await symlink(resolve('dist'), join(scoring, 'dist'))
  await symlink(resolve('models'), join(root, 'models'))
  await symlink(resolve('node_modules/vitest'), join(root, 'node_modules/vitest'))
  return root
}

describe('the example in guide/entry-scripts.md, Testing a script', () => {
  it.for([
    ['node --test', 'node:test', ['--test']],
    ['Vitest', 'vitest', [resolve('node_modules/vitest/vitest.mjs'), 'run', '--no-cache', '--testTimeout=100000']],
  ] as const)('passes under %s', async ([, library, args], test) => {
    const guide = await readFile('guide/entry-scripts.md', 'utf8')
    const [, section = ''] = guide.split('## Testing a script')
    const [, example = ''] = /```ts\n(.*?)```/s.exec(section) ?? []
    const root = await makeProject(test)
    await writeFile(join(root, 'iris.test.ts'), example.replace("'node:test'", `'${library}'`))
    const { VITEST: _, ...env } = process.env
    const { stdout } = await promisify(execFile)(process.execPath, [...args], {
      cwd: root,
      env: { ...env, NO_COLOR: '1' },
    })
    assert.match(stdout, /pass 1\b|1 passed/)
  })
})
