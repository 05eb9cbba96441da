import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { describe, it } from 'vitest'
import { serviceJsonSchema } from '../../../src/models/definition/json-schema.ts'
import { parseDefinition } from '../../../src/models/definition/parse-definition.ts'

const parse = (definition: unknown) => parseDefinition('iris/service.json', JSON.stringify(definition))

describe('parseDefinition', () => {
  it('gives everything a default', () => {
    const { auth, batching, limits, accelerator, response } = parse({})
    assert.deepEqual(auth, { mode: 'key' })
    assert.deepEqual(batching, { maxRows: 64, mayGrow: true, maxBytes: 64 * 2 ** 20, maxDelayMs: 0, exact: false })
    assert.equal(limits.maxBodyBytes, 104857600)
    assert.equal(limits.timeoutMs, 60000)
    assert.deepEqual(accelerator.executionProviders, ['cpu'])
    assert.deepEqual(response, { encoding: 'json', nonFinite: 'null' })
  })

  it('tells a number of rows that the owner has chosen from the same one by default', () => {
    assert.equal(parse({ batching: { maxRows: 64 } }).batching.mayGrow, false)
    assert.equal(parse({ batching: { maxDelayMs: 1 } }).batching.mayGrow, true)
  })

  const tenantId = '72F988BF-86F1-41AF-91AB-2D7CD011DB47'

  it('asks for the role Score unless another one is named', () => {
    assert.deepEqual(parse({ auth: { mode: 'token', tenantId, audience: 'api://iris' } }).auth, {
      mode: 'token',
      tenantId,
      audience: 'api://iris',
      role: 'Score',
    })
  })

  const refusals: [string, unknown, string][] = [
    [
      'weights that do not add to 100',
      { deployments: { blue: { weight: 90 }, green: { weight: 20 } } },
      'iris/service.json: deployments: the weights must add to 100 (or all be 0), found blue 90 + green 20 = 110',
    ],
    [
      'a deployment without a weight',
      { deployments: { blue: {} } },
      'iris/service.json: deployments.blue.weight: expected number, received undefined',
    ],
    [
      'a name that no deployment of Azure ML has',
      { deployments: { b: { weight: 100 } } },
      'iris/service.json: deployments.b: must be the name of a deployment: 3 to 32 letters, digits or single "-", starting with a letter',
    ],
    [
      'a deployment with a version and models',
      { deployments: { blue: { weight: 100, version: 1, models: { iris: { path: '1/model.onnx' } } } } },
      'iris/service.json: deployments.blue: has either a version or models',
    ],
    [
      'a sticky header without deployments',
      { traffic: { stickyHeader: 'x-user' } },
      'iris/service.json: traffic: a service without "deployments" has no traffic to split',
    ],
    [
      'encrypted features with deployments',
      { encrypted: true, deployments: { blue: { weight: 100 } } },
      'iris/service.json: encrypted: a service with deployments cannot score encrypted features',
    ],
    ['an unknown key', { batchng: {} }, 'iris/service.json: unrecognized key "batchng"'],
    [
      'an unknown key inside',
      { batching: { maxDelay: 1 } },
      'iris/service.json: batching: unrecognized key "maxDelay"',
    ],
    [
      'credentials for every page',
      { cors: { origins: ['*'], credentials: true } },
      'iris/service.json: cors.credentials: cannot be true while "origins" has "*": any page could then call with the cookies of its reader; list the origins',
    ],
    [
      'room for less than one body',
      { limits: { maxHeldBytes: 1000 } },
      'iris/service.json: limits.maxHeldBytes: 1000 is less than one body may have (limits.maxBodyBytes: 104857600)',
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
      'a column named twice',
      { input: { columns: ['age', 'age'] } },
      'iris/service.json: input.columns: must not name a column twice',
    ],
    [
      'missing values that are neither',
      { missing: 'zero' },
      'iris/service.json: missing: expected one of "nan"|"error", found "zero"',
    ],
    [
      'half a digest',
      { models: { m: { path: 'm.onnx', sha256: 'ab' } } },
      'iris/service.json: models.m.sha256: must be 64 hexadecimal digits, found "ab"',
    ],
    [
      'tokens of nobody in particular',
      { auth: { mode: 'token' } },
      'iris/service.json: auth.tenantId: expected string, received undefined; iris/service.json: auth.audience: must be a name, or a list of names, that tokens have as "aud"',
    ],
    [
      'tokens of every tenant',
      { auth: { mode: 'token', tenantId: 'common', audience: 'a' } },
      'iris/service.json: auth.tenantId: must be the GUID of one tenant, found "common"',
    ],
    [
      'a role that cannot stand in a header',
      { auth: { mode: 'token', tenantId, audience: 'a', role: 'a"b' } },
      'iris/service.json: auth.role: must be the value of an app role or scope, without spaces or quotes, found "a\\"b"',
    ],
    [
      'a tenant beside keys',
      { auth: { tenantId, audience: 'a' } },
      'iris/service.json: auth: unrecognized key "tenantId", "audience" (only mode "token" takes more than "mode")',
    ],
    [
      'a role beside no lock',
      { auth: { mode: 'none', role: 'a' } },
      'iris/service.json: auth: unrecognized key "role" (only mode "token" takes more than "mode")',
    ],
    [
      'an unknown lock',
      { auth: { mode: 'password' } },
      'iris/service.json: auth.mode: must be "key", "token" or "none"',
    ],
    [
      'an unknown accelerator',
      { accelerator: { executionProviders: ['cudda'] } },
      'iris/service.json: accelerator.executionProviders.0: must be one of cpu, cuda, tensorrt, webgpu, dml, coreml, openvino, xnnpack, qnn, found "cudda"',
    ],
    [
      'an unknown accelerator with options',
      { accelerator: { executionProviders: ['cpu', { name: 'gpu' }] } },
      'iris/service.json: accelerator.executionProviders.1: must be one of cpu, cuda, tensorrt, webgpu, dml, coreml, openvino, xnnpack, qnn, found "gpu"',
    ],
    [
      'an option that the accelerator does not have',
      { accelerator: { executionProviders: [{ name: 'cuda', deviceID: 1 }] } },
      'iris/service.json: accelerator.executionProviders.0: unrecognized key "deviceID" (options of cuda: deviceId)',
    ],
    [
      'a value that an option of the accelerator cannot have',
      { accelerator: { executionProviders: [{ name: 'webgpu', preferredLayout: 'rows' }] } },
      'iris/service.json: accelerator.executionProviders.0: webgpu: preferredLayout: Invalid option: expected one of "NCHW"|"NHWC"',
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
      'iris/service.json: stages.0.accelerator.executionProviders.0: must be one of cpu, cuda, tensorrt, webgpu, dml, coreml, openvino, xnnpack, qnn, found "gpu"',
    ],
    ['no stages', { stages: [] }, 'iris/service.json: stages: Too small: expected array to have >=1 items'],
    [
      'encrypted features beside an entry script',
      { encrypted: true, entryScript: 'score.ts' },
      'iris/service.json: encrypted: a service with an entryScript cannot score encrypted features, only a linear model alone can',
    ],
    [
      'encrypted features of a pipeline',
      { encrypted: { maxFeature: 1 }, stages: [{ model: 'a' }] },
      'iris/service.json: encrypted: a service with stages cannot score encrypted features, only a linear model alone can',
    ],
    ['a list', [], 'iris/service.json: expected object, received array'],
  ]
  for (const [what, definition, message] of refusals) {
    it(`refuses ${what} by its path`, () => {
      assert.throws(() => parse(definition), { name: 'ServiceLoadError', message })
    })
  }

  it('refuses a key that occurs twice, of which the last would win', () => {
    assert.throws(() => parseDefinition('iris/service.json', '{"limits": {"maxRows": 1, "maxRows": 2}}'), {
      name: 'ServiceLoadError',
      message: 'iris/service.json: limits.maxRows: this key stands there twice',
    })
  })

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
