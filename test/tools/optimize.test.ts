import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, it, type TestContext } from 'vitest'
import { Child } from '../host/host-child.ts'
import { convolutions } from '../support/convolutions.ts'
import { identityModel } from '../support/onnx-writer.ts'
import { makeServices } from '../support/service-folder.ts'

const script = fileURLToPath(new URL('../../src/tools/optimize.ts', import.meta.url))

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
  const child = new Child(script, args)
  const code = await child.ended()
  return { code, output: child.output }
}

describe('npm run optimize', () => {
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

  const mistakes: [args: string[], message: RegExp][] = [
    [['nope'], /^error: no service "nope" in \/.*; there are: large, small\n$/],
    [['small', '../small'], /^error: no service "\.\.\/small" in \/.*; there are: large, small\n$/],
    [['--bogus'], /^error: Unknown option '--bogus'; see --help\n$/],
    [['--models', '/nowhere'], /^error: the folder of services cannot be read: ENOENT/],
    [['--models', import.meta.dirname], /^error: no service in \/.*: a service is a folder with a service\.json\n$/],
  ]
  it.for(mistakes)('refuses %j and writes nothing', async ([args, message], test) => {
    const models = await services(test)
    const { code, output } = await optimize(['--models', models, ...args])
    assert.equal(code, 1)
    assert.match(output, message)
    assert.ok(!existsSync(join(models, 'large/1/model.optimized.json')))
  })

  it('has a help text', async () => {
    const { code, output } = await optimize(['--help'])
    assert.equal(code, 0)
    assert.match(output, /^Usage: npm run optimize -- \[options\] \[service …\]/)
  })
})
