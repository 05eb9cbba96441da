import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { globSync, readdirSync, readFileSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, it, type TestContext } from 'vitest'
import { convolutions } from '../support/convolutions.ts'
import { runApp } from '../support/running-app.ts'

/** Folders of a user who never ran anything, in an environment without `CI`, which would turn telemetry off as well. */
async function freshUser(test: TestContext) {
  const root = await mkdtemp(join(tmpdir(), 'user-'))
  test.onTestFinished(() => rm(root, { recursive: true, force: true, maxRetries: 9 }))
  const environment = { HOME: join(root, 'home'), TMPDIR: join(root, 'tmp') }
  for (const folder of Object.values(environment)) await mkdir(folder)
  return { root, environment }
}

/** The log of the library that reports, and the database of reports to be sent (ONNX Runtime 1.30, outside Windows). */
function reportsIn(root: string): string[] {
  return readdirSync(root, { recursive: true, encoding: 'utf8' }).filter(path => /mat-debug|\.onnxruntime/.test(path))
}

describe('telemetry-off', () => {
  it('holds while services score', async test => {
    const { root, environment } = await freshUser(test)
    const app = await runApp(test, undefined, environment)
    await app.settled()
    assert.equal((await app.score('diabetes', '{"data": [[0,0,0,0,0,0,0,0,0,0]]}')).status, 200)
    assert.deepEqual(reportsIn(root), [])
  })

  it('holds in the command that optimizes models', async test => {
    const { root, environment } = await freshUser(test)
    const models = join(root, 'models')
    await mkdir(join(models, 'large'), { recursive: true })
    await writeFile(join(models, 'large', 'service.json'), '{}')
    await writeFile(join(models, 'large', 'model.onnx'), convolutions(1, { filters: 6400 }))
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['dist/scoring.mjs', 'optimize', '--models', models],
      {
        env: environment,
      },
    )
    assert.match(stdout, /^\[large\] large\/model\.onnx is optimized in /)
    assert.deepEqual(reportsIn(root), [])
  })

  it('is imported before ONNX Runtime in every file that loads it, tests and benchmarks included', () => {
    for (const file of globSync('{src,functions,bench,test}/**/*.ts')) {
      const text = readFileSync(file, 'utf8')
      const loaded = text.search(/^import (?!type).* from 'onnxruntime-node|\('onnxruntime-node\/dist/m)
      if (loaded < 0) continue
      const turnedOff = text.search(/^import '.*\/telemetry-off\.ts'/m)
      assert.ok(turnedOff >= 0 && turnedOff < loaded, `${file} does not import telemetry-off.ts first`)
    }
  })
})
