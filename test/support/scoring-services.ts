import { FolderModelStore } from '../../src/adapters/local/folder-model-store.ts'
import { ScoringService } from '../../src/inference/scoring-service.ts'
import { ServiceCatalogue } from '../../src/models/catalogue/service-catalogue.ts'
import type { Cleaner } from './cleaner.ts'
import { startScheduler } from './scoring-scheduler.ts'

/** Starts all services of a folder in real workers, without authorization, and by default waits until they are loaded. */
export async function startServices(
  test: Cleaner,
  root: string,
  { isWaitedFor = true, maxThreads = 1 }: { readonly isWaitedFor?: boolean; readonly maxThreads?: number } = {},
): Promise<ServiceCatalogue> {
  const store = new FolderModelStore(root)
  const services: ScoringService[] = []
  for (const name of await store.listServices()) {
    const spec = await store.openService(name)
    const { scheduler, loaded } = startScheduler(test, spec, maxThreads)
    if (isWaitedFor) await loaded
    services.push(
      new ScoringService({
        name,
        definition: spec.definition,
        authorizer: undefined,
        engine: { kind: 'scheduler', scheduler },
      }),
    )
  }
  return new ServiceCatalogue(services, undefined)
}
