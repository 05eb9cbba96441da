import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { describe, it, type TestContext } from 'vitest'
import { describeRequests } from '../../src/cli/describe-requests.ts'
import { openServiceAlone } from '../../src/compose/service-alone.ts'
import { Child } from '../host/host-child.ts'

const { version } = JSON.parse(readFileSync('package.json', 'utf8'))
const programs: [name: string, script: string, args: string[]][] = [
  ['scoring init', resolve('dist/scoring.mjs'), ['init']],
  ['npm create scoring-functions', resolve('create/dist/create.mjs'), []],
]

function setUp({ onTestFinished }: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'init-'))
  onTestFinished(() => rmSync(folder, { recursive: true, maxRetries: 9 }))
  const init = async (...args: string[]) => {
    const child = new Child(resolve('dist/scoring.mjs'), ['init', ...args], {}, folder)
    return { code: await child.ended(), output: child.output }
  }
  const manifest = (project: string) => JSON.parse(readFileSync(join(folder, project, 'package.json'), 'utf8'))
  return { folder, init, manifest }
}

describe('scoring init', () => {
  it.each(programs)('makes a project and says what to do next: %s', async (_name, script, args) => {
    const folder = mkdtempSync(join(tmpdir(), 'init-'))
    const child = new Child(script, [...args, 'my-scoring'], {}, folder)
    assert.equal(await child.ended(), 0)
    assert.equal(
      child.output,
      'Made a project with the service iris. Next:\n\n  cd my-scoring\n  npm install\n  npm start\n',
    )
    const manifest = JSON.parse(readFileSync(join(folder, 'my-scoring/package.json'), 'utf8'))
    assert.deepEqual([manifest.name, manifest.dependencies['scoring-functions']], ['my-scoring', `^${version}`])
    assert.match(readFileSync(join(folder, 'my-scoring/README.md'), 'utf8'), /^# my-scoring\n/)
    assert.match(readFileSync(join(folder, 'my-scoring/.gitignore'), 'utf8'), /^local\.settings\.json$/m)
    rmSync(folder, { recursive: true, maxRetries: 9 })
  })

  it('has the requests of its example', async () => {
    const alone = await openServiceAlone('templates/project/models/iris', { log: () => {} })
    const facts = { service: 'iris', report: alone.report, authMode: 'key', url: 'http://localhost:7071' } as const
    assert.equal(readFileSync('templates/project/requests/iris.http', 'utf8'), describeRequests(facts))
    await alone.stop()
  })

  it('leaves out the example for --empty, and takes another name and source of the package', async test => {
    const { folder, init, manifest } = setUp(test)
    const { code, output } = await init('Work', '--empty', '--name', 'churn', '--package', 'file:../mine.tgz')
    assert.equal(code, 0)
    assert.match(output, /^Made a project without services\. Next:\n[\s\S]*\n {2}npx scoring add model\.onnx\n/)
    const { name, dependencies } = manifest('Work')
    assert.deepEqual([name, dependencies['scoring-functions']], ['churn', 'file:../mine.tgz'])
    assert.throws(() => readFileSync(join(folder, 'Work/models/iris/service.json')), { code: 'ENOENT' })
  })

  it('uses the current folder, which may be a Git repository already', async test => {
    const { folder } = setUp(test)
    const root = join(folder, 'here')
    mkdirSync(join(root, '.git'), { recursive: true })
    const child = new Child(resolve('dist/scoring.mjs'), ['init', '.'], {}, root)
    assert.equal(await child.ended(), 0)
    assert.doesNotMatch(child.output, /cd /)
    assert.equal(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).name, 'here')
  })

  it('names what is in the way, and writes nothing', async test => {
    const { folder, init } = setUp(test)
    mkdirSync(join(folder, 'full'))
    for (const name of ['a.txt', 'b.txt', 'c.txt', 'd.txt', 'e.txt']) writeFileSync(join(folder, 'full', name), '')
    assert.deepEqual(await init('full'), {
      code: 2,
      output: 'error: full is not empty: it has a.txt, b.txt, c.txt and 2 more. Name a new folder, or an empty one\n',
    })
    assert.deepEqual(await init('full/a.txt'), {
      code: 2,
      output: 'error: full/a.txt is not a folder that can be read: ENOTDIR\n',
    })
  })

  it('gives the rule for a name', async test => {
    const { init } = setUp(test)
    const rule = 'use lower-case letters, digits, "-", "_" or ".", starting with a letter or digit'
    assert.deepEqual(await init('My Project'), {
      code: 2,
      output: `error: "My Project" is not a valid name for a project: ${rule}; choose another folder, or give the name with --name\n`,
    })
    const { output } = await init('fine', '--name', '-wrong-')
    assert.equal(output, `error: "-wrong-" is not a valid name for a project: ${rule}\n`)
  })

  it('asks for a folder', async test => {
    const { init } = setUp(test)
    const { code, output } = await init()
    assert.equal(code, 2)
    assert.match(output, /^error: missing required argument 'folder'\. See "npx scoring init --help"\n$/)
  })
})
