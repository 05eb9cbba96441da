import { FolderModelStore } from '../../src/adapters/local/folder-model-store.ts'
import { WorkerScoringThread } from '../../src/adapters/worker-thread/worker-scoring-thread.ts'
import { Lane } from '../../src/engine/lane.ts'
import { hasScript } from '../../src/engine/thread-spec.ts'
import { ScoringService } from '../../src/scoring/scoring-service.ts'
import { ServiceCatalogue } from '../../src/scoring/service-catalogue.ts'

/** All services of a folder in real threads, with nobody at their doors; loaded, unless they are not waited for. */
export async function startServices(
  test: { after(cleanUp: () => Promise<unknown>): void },
  root: string,
  isWaitedFor = true,
): Promise<ServiceCatalogue> {
  const store = new FolderModelStore(root)
  const services = new Map<string, ScoringService>()
  for (const name of await store.listServices()) {
    const spec = await store.openService(name)
    const { definition } = spec
    const { limits } = definition
    const lane = new Lane({
      startThread: events => new WorkerScoringThread(spec, limits.maxMemoryMb, events),
      maxThreads: 1,
      ...limits,
      hasEntryScript: hasScript(spec),
      log: () => {},
    })
    test.after(() => lane.stop())
    const loaded = lane.start()
    if (isWaitedFor) await loaded
    services.set(name, new ScoringService({ name, definition, authorizer: undefined, lane }))
  }
  return new ServiceCatalogue(services, undefined)
}
