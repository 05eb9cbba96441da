import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, it, type TestContext } from 'vitest'
import { Child } from '../host/host-child.ts'
import { convolutions } from '../support/convolutions.ts'
import { identityModel } from '../support/onnx-writer.ts'
import { makeServices } from '../support/service-folder.ts'

const script = fileURLToPath(new URL('../../dist/scoring.mjs', import.meta.url))

/** A model of more than 4 MB beside a small one. */
const services = (test: TestContext) =>
  makeServices(
    {
      'large/service.json': {},
      'large/1/model.onnx': convolutions(1, { filters: 6500 }),
      'small/service.json': {},
      'small/1/model.onnx': identityModel('float32'),
    },
    test,
  )

async function optimize(args: readonly string[]) {
  const child = new Child(script, ['optimize', ...args])
  const code = await child.ended()
  return { code, output: child.output }
}

describe('scoring optimize', () => {
  it('optimizes the models of all services that are large enough, and says which are not', async test => {
    const models = await services(test)
    const { code, output } = await optimize(['--models', models])
    assert.equal(code, 0, output)
    assert.match(output, /^\[large\] large\/1\/model\.onnx is optimized in .* model\.optimized\.json$/m)
    assert.match(output, /^\[small\] small\/1\/model\.onnx is not optimized: it has \d+ bytes, and below 4194304 /m)
    assert.ok(existsSync(join(models, 'large/1/model.optimized.json')))
  })

  it('optimizes those that are named', async test => {
    const { code, output } = await optimize(['--models', await services(test), 'small'])
    assert.equal(code, 0, output)
    assert.match(output, /^\[small\] .*\n$/)
  })

  const mistakes: [args: string[], message: RegExp, code: number][] = [
    [['nope'], /^error: no service "nope" in \/.*; there are: large, small\n$/, 1],
    [['small', '../small'], /^error: no service "\.\.\/small" in \/.*; there are: large, small\n$/, 1],
    [['--bogus'], /^error: unknown option '--bogus'\. See "npx scoring optimize --help"\n$/, 2],
    [['--models', '/nowhere'], /^error: --models: folder \/nowhere does not exist\n$/, 2],
    [
      ['--models', import.meta.dirname],
      /^error: no service in \/.*: a service is a folder with a service\.json; "npx scoring add model\.onnx" makes one\n$/,
      1,
    ],
  ]
  it.for(mistakes)('refuses %j and writes nothing', async ([args, message, expected], test) => {
    const models = await services(test)
    const { code, output } = await optimize(['--models', models, ...args])
    assert.equal(code, expected)
    assert.match(output, message)
    assert.ok(!existsSync(join(models, 'large/1/model.optimized.json')))
  })
})
