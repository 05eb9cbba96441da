import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { describe, it } from 'node:test'
import { serviceJsonSchema } from '../../src/service/json-schema.ts'
import { parseDefinition } from '../../src/service/parse-definition.ts'

const parse = (definition: unknown) => parseDefinition('iris/service.json', JSON.stringify(definition))

describe('parseDefinition', () => {
  it('gives everything a default', () => {
    const { auth, batching, limits, accelerator, response } = parse({})
    assert.deepEqual(auth, { mode: 'key' })
    assert.deepEqual(batching, { maxRows: 64, maxDelayMs: 0 })
    assert.equal(limits.maxBodyBytes, 104857600)
    assert.equal(limits.timeoutMs, 60000)
    assert.deepEqual(accelerator.executionProviders, ['cpu'])
    assert.deepEqual(response, { encoding: 'json', nonFinite: 'null' })
  })

  const refusals: [string, unknown, string][] = [
    ['an unknown key', { batchng: {} }, 'iris/service.json: unrecognized key "batchng"'],
    [
      'an unknown key inside',
      { batching: { maxDelay: 1 } },
      'iris/service.json: batching: unrecognized key "maxDelay"',
    ],
    [
      'a wrong type',
      { limits: { timeoutMs: 'long' } },
      'iris/service.json: limits.timeoutMs: expected number, received string, found "long"',
    ],
    [
      'a path out of the folder',
      { entryScript: '../score.ts' },
      'iris/service.json: entryScript: must stay inside the service folder, found "../score.ts"',
    ],
    [
      'an absolute path',
      { models: { m: { path: '/m.onnx' } } },
      'iris/service.json: models.m.path: must stay inside the service folder, found "/m.onnx"',
    ],
    [
      'half a digest',
      { models: { m: { path: 'm.onnx', sha256: 'ab' } } },
      'iris/service.json: models.m.sha256: must be 64 hexadecimal digits, found "ab"',
    ],
    ['tokens', { auth: { mode: 'token' } }, 'iris/service.json: not available yet: auth.mode "token"'],
    [
      'other accelerators',
      { accelerator: { executionProviders: ['cuda', 'cpu'] } },
      'iris/service.json: not available yet: accelerator.executionProviders other than "cpu"',
    ],
    [
      'a delay',
      { batching: { maxDelayMs: 1 } },
      'iris/service.json: not available yet: batching.maxDelayMs other than 0',
    ],
    [
      'an unknown accelerator',
      { accelerator: { executionProviders: ['cudda'] } },
      'iris/service.json: accelerator.executionProviders: there is no "cudda"; known are cpu, cuda, tensorrt, webgpu, dml, coreml, openvino, xnnpack, qnn',
    ],
    [
      'a stage of two kinds',
      { stages: [{ model: 'm', script: 's.ts' }] },
      'iris/service.json: stages.0: must have a "model" or a "script"',
    ],
    [
      'stages of one name',
      { stages: [{ script: 'same.ts' }, { script: 'sub/same.js' }] },
      'iris/service.json: stages: two are called "same"; give them names',
    ],
    [
      'stages beside an entry script',
      { stages: [{ script: 'a.ts' }], entryScript: 'b.ts' },
      'iris/service.json: entryScript: a service has either stages or an entryScript',
    ],
    [
      'an unknown accelerator of a stage',
      { stages: [{ model: 'a', accelerator: { executionProviders: ['gpu'] } }] },
      'iris/service.json: stages.0.accelerator.executionProviders: there is no "gpu"; known are cpu, cuda, tensorrt, webgpu, dml, coreml, openvino, xnnpack, qnn',
    ],
    ['no stages', { stages: [] }, 'iris/service.json: stages: Too small: expected array to have >=1 items'],
    ['encrypted', { encrypted: true }, 'iris/service.json: not available yet: encrypted'],
    ['a list', [], 'iris/service.json: expected object, received array'],
  ]
  for (const [what, definition, message] of refusals) {
    it(`refuses ${what} by its path`, () => {
      assert.throws(() => parse(definition), { name: 'ServiceLoadError', message })
    })
  }

  it('says where the text is not JSON', () => {
    assert.throws(
      () => parseDefinition('iris/service.json', '{"a": }'),
      /^ServiceLoadError: iris\/service\.json is not JSON \(comments are not allowed\): /,
    )
  })
})

describe('service.schema.json', () => {
  it('is what the schema says, so editors check what the app checks', async () => {
    assert.equal(await readFile('models/service.schema.json', 'utf8'), serviceJsonSchema())
  })
})
