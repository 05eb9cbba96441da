/** Writes what ONNX Runtime makes of the models of services beside them, so that every thread opens that instead of making it again. */
import { relative } from 'node:path'
import { FolderModelStore } from '../adapters/local/folder-model-store.ts'
import { optimizeModel } from '../adapters/onnxruntime/optimize-model.ts'
import { StartupError } from '../errors.ts'
import { planAttempts } from '../models/repository/provider-attempts.ts'
import type { ServiceSpec } from '../models/repository/service-spec.ts'

/**
 * Optimizes the models of the named services, or of all. A service that fails does not stop the others.
 *
 * @returns whether all went well
 * @throws StartupError when there is no such service
 */
export async function optimizeServices(folder: string, names: readonly string[]): Promise<boolean> {
  const store = new FolderModelStore(folder)
  const known = await store.listServices()
  if (known.length === 0) throw new StartupError(`no service in ${folder}: a service is a folder with a service.json`)
  const unknown = names.find(name => !known.includes(name))
  if (unknown !== undefined)
    throw new StartupError(`no service "${unknown}" in ${folder}; there are: ${known.join(', ')}`)
  let isGood = true
  for (const name of names.length > 0 ? names : known) {
    try {
      await optimizeService(await store.openService(name), folder)
    } catch (failure) {
      console.error(`[${name}] ${(failure as Error).message}`)
      isGood = false
    }
  }
  return isGood
}

async function optimizeService({ service, definition, models, stages = [] }: ServiceSpec, folder: string) {
  for (const model of models) {
    const accelerator = stages.find(stage => stage.model === model.name)?.accelerator ?? definition.accelerator
    const startedAt = performance.now()
    const path = relative(folder, model.path)
    if (!planAttempts(accelerator).some(attempt => attempt.name === 'cpu')) {
      console.log(`[${service}] ${path} is not optimized: it does not run on the CPU`)
      continue
    }
    const result = await optimizeModel(model, accelerator)
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
    if (result.kind === 'unchanged') console.log(`[${service}] ${path} is not optimized: ${result.why}`)
    else console.log(`[${service}] ${path} is optimized in ${seconds} s: ${result.files.join(', ')}`)
  }
}
