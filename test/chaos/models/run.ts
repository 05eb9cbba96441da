/**
 * `npm run chaos:models -- --services 300 --swaps 100 --kills 40 --restarts 10`: many services on demand, many versions under load,
 * processes that are killed while they register and deploy, and hosts that are killed while they change to a new version; in a
 * folder, and in Azurite. Prints what it saw.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { openRepository } from '../../../src/adapters/azure/open-repository.ts'
import { ModelRegistry } from '../../../src/models/repository/model-registry.ts'
import type { RepositoryFiles } from '../../../src/models/repository/repository-files.ts'
import { ServiceRegistry } from '../../../src/models/repository/service-registry.ts'
import { startStorage } from '../../support/azurite-storage.ts'
import { type RunningApp, runApp } from '../../support/running-app.ts'
import { scalingModel } from '../../support/scaling-model.ts'

const { values } = parseArgs({
  options: {
    services: { type: 'string', default: '300' },
    swaps: { type: 'string', default: '100' },
    kills: { type: 'string', default: '40' },
    restarts: { type: 'string', default: '10' },
    only: { type: 'string', default: 'services,swaps,kills,restarts' },
    in: { type: 'string', default: 'folder,blobs' },
  },
})
const count = (name: 'services' | 'swaps' | 'kills' | 'restarts') =>
  values.only.includes(name) ? Number(values[name]) : 0

const cleanUps: (() => unknown)[] = []
const cleaner = { onTestFinished: (cleanUp: () => unknown) => void cleanUps.push(cleanUp) }

const body = '{"data": [[1, 2]]}'
const scaled = (factor: number) => `[[${factor}.0, ${2 * factor}.0]]`
const open = (files: RepositoryFiles) => new ModelRegistry({ files, now: () => new Date() })

function megabytes({ pid }: ChildProcess): number {
  const [, kilobytes] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Math.round(Number(kilobytes) / 1024)
}

async function runServices(location: string, files: RepositoryFiles, environment: Record<string, string>) {
  const services = new ServiceRegistry(files)
  const names = Array.from({ length: count('services') }, (_, index) => `many-${index}`)
  for (const [index, name] of names.entries()) {
    await open(files).register(name, { files: { 'model.onnx': scalingModel(index + 1) } })
    await services.put(name, { definition: {} })
  }
  const startedAt = performance.now()
  const app = await runApp(cleaner, {}, { ...environment, SCORING_LOAD: 'onDemand', SCORING_LOG: 'off' })
  while ((await fetch(`${app.url}/health/ready`)).status !== 200) await delay(20)
  console.log(`${location}: ${names.length} services are ready after ${Math.round(performance.now() - startedAt)} ms`)
  console.log(`${location}: ${megabytes(app.process)} MB`)
  const scoringAt = performance.now()
  for (const index of [...names.keys(), ...names.keys()]) {
    const response = await app.score(names[index] ?? '', body)
    assert.equal(await response.text(), scaled(index + 1))
  }
  const ms = Math.round((performance.now() - scoringAt) / (2 * names.length))
  console.log(`${location}: ${megabytes(app.process)} MB after each was called twice, ${ms} ms each`)
  app.process.kill()
}

async function runSwaps(location: string, files: RepositoryFiles, environment: Record<string, string>) {
  const registry = open(files)
  await registry.register('swapped', { files: { 'model.onnx': scalingModel(1) } })
  await new ServiceRegistry(files).put('swapped', { definition: {} })
  const app = await runApp(cleaner, {}, { ...environment, SCORING_POLL_MS: '200', SCORING_LOG: 'off' })
  await app.settled()
  let isOver = false
  let answers = 0
  const callers = Array.from({ length: 16 }, async () => {
    while (!isOver) {
      const response = await app.score('swapped', body)
      const answer = await response.text()
      assert.equal(response.status, 200, answer)
      assert.equal(answer, scaled(Number(response.headers.get('x-scoring-model-version'))))
      answers++
      await delay(50)
    }
  })
  const startedAt = performance.now()
  const sizes: number[] = []
  for (let version = 2; version <= count('swaps') + 1; version++) {
    await registry.register('swapped', { files: { 'model.onnx': scalingModel(version) } })
    while ((await readVersion(app)) !== version) await delay(20)
    sizes.push(megabytes(app.process))
  }
  const seconds = (performance.now() - startedAt) / 1000
  isOver = true
  await Promise.all(callers)
  const rate = Math.round(answers / seconds)
  console.log(
    `${location}: ${count('swaps')} swaps, ${answers} answers (${rate}/s), all right; ${megabytes(app.process)} MB`,
  )
  // Versions that were replaced are freed; what V8 has collected it keeps for a while.
  const half = sizes.length >> 1
  const [before, after] = [sizes.slice(0, half), sizes.slice(half)].map(each => Math.max(...each))
  console.log(`${location}: at most ${before} MB in the first half of the swaps, ${after} MB in the second`)
  assert.ok(sizes.length < 50 || Number(after) < 1.3 * Number(before))
  app.process.kill()
}

async function readVersion(app: RunningApp): Promise<number> {
  const response = await app.score('swapped', body)
  await response.text()
  return Number(response.headers.get('x-scoring-model-version'))
}

/** Kills processes that register and deploy, at any moment. */
async function runKills(location: string, files: RepositoryFiles, connectionString: string | undefined) {
  const child = join(import.meta.dirname, 'register.ts')
  for (let index = 0; index < count('kills'); index++) {
    const running = spawn(process.execPath, [child, location, connectionString ?? ''], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const ended = new Promise(done => running.on('exit', done))
    await new Promise(begun => running.stdout.once('data', begun))
    await delay(Math.random() * 600)
    running.kill('SIGKILL')
    await ended
  }
  const registry = open(files)
  const models = await registry.list({ name: 'killed' })
  for (const model of models) for (const { path } of model.files) for await (const _ of registry.read(model, path));
  const services = new ServiceRegistry(files)
  const { definition } = (await services.get('killed')) ?? {}
  const { description = '', entryScript = '' } = (definition ?? {}) as Record<string, string>
  const part = await services.readFile('killed', entryScript.replace('score.js', 'part.js'))
  assert.ok(
    definition === undefined || part?.includes(`'${description}'`),
    'script and definition are of one deployment',
  )
  const next = await registry.register('killed', { files: { 'model.onnx': scalingModel(1) } })
  await services.put('killed', { definition: {} })
  console.log(`${location}: ${count('kills')} kills, ${models.length} whole versions, the next one is ${next.version}`)
}

/** Kills hosts at any moment of their change to a new version: the next one serves that. */
async function runRestarts(location: string, files: RepositoryFiles, environment: Record<string, string>) {
  const registry = open(files)
  await registry.register('restarted', { files: { 'model.onnx': scalingModel(1) } })
  await new ServiceRegistry(files).put('restarted', { definition: {} })
  let app = await runApp(cleaner, {}, { ...environment, SCORING_POLL_MS: '200', SCORING_LOG: 'off' })
  await app.settled()
  for (let version = 2; version <= count('restarts') + 1; version++) {
    await registry.register('restarted', { files: { 'model.onnx': scalingModel(version) } })
    await delay(Math.random() * 1500)
    const ended = new Promise(done => app.process.once('exit', done))
    app.process.kill('SIGKILL')
    await ended
    app = await app.restart()
    await app.settled()
    assert.equal(await (await app.score('restarted', body)).text(), scaled(version))
  }
  console.log(`${location}: ${count('restarts')} hosts killed while they changed, the next one served the new version`)
  app.process.kill()
}

try {
  const root = await mkdtemp(join(tmpdir(), 'models-'))
  cleaner.onTestFinished(() => rm(root, { recursive: true, force: true }))
  const connectionString = await startStorage(cleaner)
  const cache = join(root, 'cache')
  for (const location of [resolve(root, 'models'), 'blob:models']) {
    const isBlob = location.startsWith('blob:')
    if (!values.in.includes(isBlob ? 'blobs' : 'folder')) continue
    const files = await openRepository(location, { connectionString, isDevelopment: true })
    const environment = {
      SCORING_MODELS: location,
      SCORING_MODEL_CACHE: cache,
      ...(isBlob && { AzureWebJobsStorage: connectionString }),
    }
    if (count('kills') > 0) await runKills(location, files, isBlob ? connectionString : undefined)
    if (count('swaps') > 0) await runSwaps(location, files, environment)
    if (count('restarts') > 0) await runRestarts(location, files, environment)
    if (count('services') > 0) await runServices(location, files, environment)
  }
} finally {
  for (const cleanUp of cleanUps.reverse()) await cleanUp()
}
