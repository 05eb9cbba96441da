import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, it, vi } from 'vitest'
import { FolderRepositoryFiles } from '../../src/adapters/local/folder-repository-files.ts'
import { startApp } from '../../src/compose/app.ts'
import type { ScoringService } from '../../src/inference/scoring-service.ts'
import { ModelRegistry } from '../../src/models/repository/model-registry.ts'
import { scalingModel } from '../support/scaling-model.ts'
import { makeServices } from '../support/service-folder.ts'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

const untilTrue = (condition: () => boolean) => vi.waitUntil(condition, { timeout: 60_000, interval: 20 })

describe('a service that was replaced', () => {
  it('leaves nothing in memory, however many versions follow each other', async test => {
    vi.spyOn(console, 'log').mockReturnValue()
    const model = { 'model.onnx': scalingModel(1) }
    const SCORING_MODELS = await makeServices(
      {
        'swapped/service.json': { load: 'onDemand' },
        'split/service.json': { deployments: { blue: { version: 1, weight: 50 }, green: { weight: 50 } } },
        'swapped/1/model.onnx': model['model.onnx'],
        'split/1/model.onnx': model['model.onnx'],
      },
      test,
    )
    const root = await mkdtemp(join(tmpdir(), 'app-'))
    test.onTestFinished(() => rm(root, { recursive: true, force: true, maxRetries: 9 }))
    const app = await startApp({ AZURE_FUNCTIONS_ENVIRONMENT: 'Development', SCORING_MODELS }, root)
    test.onTestFinished(() => app.stop())
    const registry = new ModelRegistry({ files: new FolderRepositoryFiles(SCORING_MODELS), now: () => new Date() })
    const replaced: WeakRef<ScoringService>[] = []
    const versionOf = (name: string) => {
      const { deployments, version } = app.catalogue.find(name)
      return deployments?.get('green')?.service.version ?? version
    }
    for (const version of ['2', '3', '4']) {
      for (const name of ['swapped', 'split']) {
        replaced.push(new WeakRef(app.catalogue.find(name)))
        await registry.register(name, { files: model })
      }
      await untilTrue(() => versionOf('swapped') === version && versionOf('split') === version)
    }
    await untilTrue(() => {
      collectGarbage()
      return replaced.every(service => service.deref() === undefined)
    })
    assert.equal(replaced.length, 6)
  })
})
