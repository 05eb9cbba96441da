import assert from 'node:assert/strict'
import type { TestContext } from 'vitest'
import { FolderModelStore } from '../../src/adapters/local/folder-model-store.ts'
import { NodeWorker } from '../../src/adapters/node-worker/node-worker.ts'
import { hasScript, type ServiceSpec } from '../../src/models/repository/service-spec.ts'
import type { LoadReport } from '../../src/models/session/load-report.ts'
import type { Feeds } from '../../src/models/session/model-session.ts'
import type { InferenceResult } from '../../src/scheduling/inference-result.ts'
import { ServiceScheduler } from '../../src/workers/pool/service-scheduler.ts'
import type { Cleaner } from './cleaner.ts'
import { makeServices, type ServiceFiles } from './service-folder.ts'

/** The scheduler of a service on real threads, of which one begins to load. */
export function startScheduler(
  test: Cleaner,
  spec: ServiceSpec,
  maxThreads = 1,
): { scheduler: ServiceScheduler; loaded: Promise<LoadReport> } {
  const { limits } = spec.definition
  const scheduler = new ServiceScheduler({
    startWorker: onEvent => new NodeWorker(spec, { maxMemoryMb: limits.maxMemoryMb, onEvent }),
    maxThreads,
    ...limits,
    hasEntryScript: hasScript(spec),
    log: () => {},
  })
  test.onTestFinished(() => scheduler.stop())
  return { scheduler, loaded: scheduler.start() }
}

/** Loads the one service of `files` in real threads. */
export async function serve(test: TestContext, files: ServiceFiles) {
  const root = await makeServices(files, test)
  const store = new FolderModelStore(root)
  const [name] = await store.listServices()
  const { scheduler, loaded } = startScheduler(test, await store.openService(name as string))
  const report = await loaded
  const sendAs = (contentType: string, body: Uint8Array) => scheduler.submit({ codec: 'azureml', body, contentType })
  const send = (body: unknown) =>
    sendAs('application/json', new TextEncoder().encode(typeof body === 'string' ? body : JSON.stringify(body)))
  const sendTensors = (tensors: Feeds) =>
    scheduler.submit({ codec: 'tensors', body: new Uint8Array(), contentType: undefined, tensors })
  return { scheduler, report, send, sendAs, sendTensors }
}

export function jsonOf(answer: InferenceResult): string {
  assert.ok(answer.kind === 'encoded', JSON.stringify(answer))
  return answer.body
}

export function codeOf(answer: InferenceResult): string {
  assert.ok(answer.kind === 'failure', JSON.stringify(answer))
  return answer.code
}
