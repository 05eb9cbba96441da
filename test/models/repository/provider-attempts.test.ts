import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { ServiceDefinition } from '../../../src/models/definition/definition.ts'
import { planAttempts, providersOfService, withProviders } from '../../../src/models/repository/provider-attempts.ts'
import type { ServiceSpec } from '../../../src/models/repository/service-spec.ts'

const accelerator = (executionProviders: unknown[], onUnavailable = 'fallback') =>
  ServiceDefinition.parse({ accelerator: { executionProviders, onUnavailable } }).accelerator
const planned = (executionProviders: unknown[], onUnavailable?: string) =>
  planAttempts(accelerator(executionProviders, onUnavailable)).map(({ providers, isStrict }) => [providers, isStrict])

describe('planAttempts', () => {
  it('tries one provider after the other, in the order of the list, with its options', () => {
    assert.deepEqual(planned(['webgpu', { name: 'cuda', deviceId: 1 }, 'cpu']), [
      [['webgpu'], false],
      [[{ name: 'cuda', deviceId: 1 }], false],
      [['cpu'], false],
    ])
  })

  it('tries the first only, and nothing of it on the CPU, where a fallback is not allowed', () => {
    assert.deepEqual(planned(['webgpu', 'cuda', 'cpu'], 'fail'), [[['webgpu'], true]])
    assert.deepEqual(planned(['cpu'], 'fail'), [[['cpu'], false]])
  })

  it('gives TensorRT the CUDA that comes later, for the nodes it cannot take', () => {
    const cuda = { name: 'cuda', deviceId: 1 }
    assert.deepEqual(planned(['tensorrt', cuda, 'cpu']), [
      [['tensorrt', cuda], false],
      [[cuda], false],
      [['cpu'], false],
    ])
    assert.deepEqual(planned(['cuda', 'tensorrt'])[1], [['tensorrt'], false])
    assert.deepEqual(planned(['tensorrt', 'cuda'], 'fail'), [[['tensorrt', 'cuda'], true]])
  })
})

describe('withProviders', () => {
  const definition = ServiceDefinition.parse({ accelerator: { onUnavailable: 'fail', intraOpThreads: 2 } })
  const stage = { name: 'a', model: 'a', script: undefined, accelerator: accelerator(['webgpu']), maxRows: 1 }
  const spec: ServiceSpec = {
    service: 's',
    definition,
    models: [],
    version: undefined,
    versions: [],
    definitionDigest: '',
    folder: '',
    modelDir: '/',
    entryScript: undefined,
    stages: [stage],
    sample: undefined,
  }

  it('puts the providers in place of those of the service and of its stages, and leaves the rest', () => {
    const changed = withProviders(spec, ['cuda', 'cpu'])
    assert.deepEqual(changed.definition.accelerator, { ...definition.accelerator, executionProviders: ['cuda', 'cpu'] })
    assert.deepEqual(changed.stages?.[0]?.accelerator, { ...stage.accelerator, executionProviders: ['cuda', 'cpu'] })
    assert.deepEqual([...providersOfService(changed)], ['cuda', 'cpu'])
  })

  it('changes nothing where there are none', () => {
    assert.equal(withProviders(spec, undefined), spec)
    assert.deepEqual([...providersOfService(spec)], ['cpu', 'webgpu'])
  })
})
