/** Versions that do not load, in a folder and in Blob storage: the one before goes on. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { openRepository } from '../../src/adapters/azure/open-repository.ts'
import { ModelRegistry } from '../../src/models/repository/model-registry.ts'
import type { RepositoryFiles } from '../../src/models/repository/repository-files.ts'
import { ServiceRegistry } from '../../src/models/repository/service-registry.ts'
import { startStorage } from '../support/azurite-storage.ts'
import { writeModel } from '../support/onnx-writer.ts'
import { type RunningApp, runApp } from '../support/running-app.ts'
import { scalingModel } from '../support/scaling-model.ts'

const cleanUps: (() => unknown)[] = []
const cleaner = { onTestFinished: (cleanUp: () => unknown) => void cleanUps.push(cleanUp) }
afterAll(async () => {
  for (const cleanUp of cleanUps.reverse()) await cleanUp()
})

/** A model that adds the sum of so many zeros to its rows: 4 bytes each. */
const hugeModel = (count: number) =>
  writeModel({
    nodes: [
      { op: 'ConstantOfShape', inputs: ['count'], outputs: ['zeros'] },
      { op: 'ReduceSum', inputs: ['zeros'], outputs: ['sum'], attributes: { keepdims: 0 } },
      { op: 'Add', inputs: ['x', 'sum'], outputs: ['y'] },
    ],
    inputs: [['x', 'float32', ['N', 2]]],
    outputs: [['y', 'float32', ['N', 2]]],
    constants: [{ name: 'count', dtype: 'int64', shape: [1], values: [count] }],
  })

const script = (init: string) => `export const init = () => { ${init} }\nexport const run = () => 1`
/** The pause keeps the machine from running out of memory where nothing ends the script. */
const pause = 'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10)'

interface Unloadable {
  readonly what: string
  readonly files?: Record<string, Uint8Array>
  readonly script?: string
  /** What the owner is told. */
  readonly reason: RegExp
}

const unloadable: readonly Unloadable[] = [
  {
    what: 'is cut off',
    files: { 'model.onnx': scalingModel(3).subarray(0, 40) },
    reason: /the 40 bytes of its file are no whole ONNX model/,
  },
  {
    what: 'asks for 4 TiB',
    files: { 'model.onnx': hugeModel(2 ** 40) },
    reason: /the model needs more memory than there is to score one row: it asks for 4398046511104 bytes at once/,
  },
  { what: 'has an init that throws', script: script('throw new Error("no such table")'), reason: /no such table/ },
  {
    what: 'has an init that fills the heap',
    script: script(`const all = []; for (;;) { all.push(new Array(100_000).fill(1.5)) }`),
    reason: /JS heap out of memory|more than 64 MiB of memory \(limits\.maxMemoryMb\)/,
  },
  {
    what: 'has an init that fills buffers',
    script: script(`const all = []; for (;;) { all.push(Buffer.alloc(4_000_000, 1)); ${pause} }`),
    reason: /^loading the models and init\(\) needed more than 64 MiB of memory \(limits\.maxMemoryMb\)$/,
  },
]

describe.each(['folder', 'container'])('a service in a %s', kind => {
  let app: RunningApp
  let files: RepositoryFiles
  let location: string

  beforeAll(async () => {
    const root = await mkdtemp(join(tmpdir(), 'unloadable-'))
    cleaner.onTestFinished(() => rm(root, { recursive: true, force: true }))
    const connectionString = kind === 'container' ? await startStorage(cleaner) : undefined
    location = connectionString === undefined ? join(root, 'models') : 'blob:models'
    files = await openRepository(location, { connectionString, isDevelopment: true })
    await new ModelRegistry({ files, now: () => new Date() }).register('sut', {
      files: { 'model.onnx': scalingModel(2) },
    })
    await new ServiceRegistry(files).put('sut', { definition: {} })
    app = await runApp(
      cleaner,
      {},
      {
        SCORING_MODELS: location,
        SCORING_MODEL_CACHE: join(root, 'cache'),
        SCORING_POLL_MS: '200',
        ...(connectionString !== undefined && { AzureWebJobsStorage: connectionString }),
      },
    )
    await app.settled()
  })

  const score = async () => {
    const response = await app.score('sut', '{"data": [[1, 2]]}')
    return [response.status, await response.text()]
  }
  const readState = async () => {
    const { services } = (await (await fetch(`${app.url}/health/ready`)).json()) as {
      services: Record<string, { status: string; restarts?: number; rejectedChange?: { reason: string } }>
    }
    return services.sut
  }

  it.each(unloadable)(
    'goes on while the newest version $what',
    { timeout: 300_000 },
    async ({ script, reason, ...more }) => {
      const registry = new ModelRegistry({ files, now: () => new Date() })
      const services = new ServiceRegistry(files)
      let isOver = false
      const calling = (async () => {
        for (; !isOver; await delay(20)) assert.deepEqual(await score(), [200, '[[2.0, 4.0]]'])
      })()
      try {
        const registered = more.files && (await registry.register('sut', { files: more.files }))
        if (script !== undefined) {
          const definition = { entryScript: 'score.js', limits: { maxMemoryMb: 64 } }
          await services.put('sut', { definition, files: { 'score.js': script } })
        }
        for (;;) {
          const rejected = (await readState())?.rejectedChange?.reason
          if (rejected !== undefined && reason.test(rejected)) break
          await delay(40)
        }
        if (registered) await registry.delete('sut', registered.version)
        else await services.put('sut', { definition: {} })
        while ((await readState())?.rejectedChange) await delay(40)
      } finally {
        isOver = true
        await calling
      }
      assert.equal((await readState())?.status, 'ready')
      assert.equal(app.process.exitCode, null)
    },
  )
})
