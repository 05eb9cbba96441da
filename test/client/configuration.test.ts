import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { ContainerAppsWebservice, FlexWebservice, InferenceConfig, LocalWebservice } from '../../src/client/index.ts'

describe('deployConfiguration', () => {
  it('takes the parameters of Azure ML that mean something', () => {
    const parameters = { authEnabled: true, tags: { team: 'risk' }, scoringTimeoutMs: 5000, primaryKey: 'k'.repeat(32) }
    assert.deepEqual(FlexWebservice.deployConfiguration(parameters), { target: 'flex', parameters, notes: [] })
    assert.equal(LocalWebservice.deployConfiguration({ port: 8890 }).parameters.port, 8890)
  })

  it('notes what the app decides', () => {
    const { notes } = ContainerAppsWebservice.deployConfiguration({ cpuCores: 1, memoryGb: 1, autoscaleEnabled: false })
    assert.deepEqual(notes, [
      'cpuCores, memoryGb: the app decides the size of an instance (guide/deploy.md), not the service',
    ])
  })

  it.for<[parameters: object, message: RegExp]>([
    [{ sslCname: 'x' }, /^FlexWebservice\.deployConfiguration: sslCname: belongs to the app/],
    [{ port: 80 }, /port: is no parameter here; there are: authEnabled,/],
    [{ collectModelData: true }, /collectModelData: inputs and answers are not collected/],
    [{ authEnabled: true, tokenAuthEnabled: true }, /tokenAuthEnabled: a service takes keys or tokens, not both/],
    [{ tokenAuthEnabled: true }, /tokenAuthEnabled: needs tokenAuth/],
    [{ secondaryKey: 'x' }, /secondaryKey: needs primaryKey too/],
    [{ authEnabled: false, primaryKey: 'x' }, /primaryKey: a service without keys has none/],
    [{ cpuCore: 1 }, /cpuCore: is no parameter here/],
    [{ periodSeconds: 10 }, /periodSeconds: the app has its own probes/],
  ])('refuses %j', ([parameters, message]) => {
    assert.throws(() => FlexWebservice.deployConfiguration(parameters), { name: 'TypeError', message })
  })
})

describe('InferenceConfig', () => {
  it.for<[parameters: object, message: RegExp]>([
    [{ entryScript: 'score.py' }, /"score\.py" is no TypeScript or JavaScript module.*Python is not run/],
    [{ environment: {} }, /environment: there is no environment to describe/],
    [{ script: 'score.ts' }, /script: is no parameter; there are: entryScript,/],
  ])('refuses %j', ([parameters, message]) => {
    assert.throws(() => new InferenceConfig(parameters), { name: 'TypeError', message })
  })
})
