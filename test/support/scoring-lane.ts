import assert from 'node:assert/strict'
import type { TestContext } from 'vitest'
import { FolderModelStore } from '../../src/adapters/local/folder-model-store.ts'
import { WorkerScoringThread } from '../../src/adapters/worker-thread/worker-scoring-thread.ts'
import type { LoadReport, ScoringAnswer } from '../../src/engine/hand-over.ts'
import { Lane } from '../../src/engine/lane.ts'
import { hasScript, type ThreadSpec } from '../../src/engine/thread-spec.ts'
import type { Cleaner } from './cleaner.ts'
import { makeServices, type ServiceFiles } from './service-folder.ts'

/** The lane of a service on one real thread, which begins to load. */
export function startLane(test: Cleaner, spec: ThreadSpec): { lane: Lane; loaded: Promise<LoadReport> } {
  const { limits } = spec.definition
  const lane = new Lane({
    startThread: events => new WorkerScoringThread(spec, limits.maxMemoryMb, events),
    maxThreads: 1,
    ...limits,
    hasEntryScript: hasScript(spec),
    log: () => {},
  })
  test.onTestFinished(() => lane.stop())
  return { lane, loaded: lane.start() }
}

/** Loads the one service of `files` in real threads. */
export async function serve(test: TestContext, files: ServiceFiles) {
  const root = await makeServices(files, test)
  const store = new FolderModelStore(root)
  const [name] = await store.listServices()
  const { lane, loaded } = startLane(test, await store.openService(name as string))
  const report = await loaded
  const sendAs = (contentType: string, body: Uint8Array) => lane.submit({ body, contentType })
  const send = (body: unknown) =>
    sendAs('application/json', new TextEncoder().encode(typeof body === 'string' ? body : JSON.stringify(body)))
  return { lane, report, send, sendAs }
}

export function jsonOf(answer: ScoringAnswer): string {
  assert.ok('json' in answer, JSON.stringify(answer))
  return answer.json
}

export function codeOf(answer: ScoringAnswer): string {
  assert.ok('code' in answer, JSON.stringify(answer))
  return answer.code
}
