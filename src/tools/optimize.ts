/**
 * `npm run optimize -- [service …]`: writes what ONNX Runtime makes of the models of services beside them, so that every
 * thread opens that instead of making it again.
 */
import { join, relative, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { findAppRoot } from '../adapters/local/app-root.ts'
import { FolderModelStore } from '../adapters/local/folder-model-store.ts'
import { optimizeModel } from '../adapters/onnxruntime/optimize-model.ts'
import { planAttempts } from '../models/repository/provider-attempts.ts'
import type { ServiceSpec } from '../models/repository/service-spec.ts'

const help = `Usage: npm run optimize -- [options] [service …]

Optimizes the models of the named services, or of all, for processors like this one,
and writes the result beside each model: *.optimized.onnx, .weights and .json.

Options:
  --models DIR     folder of services (default: the environment variable SCORING_MODELS, or models)
  -h, --help       show this text`

async function main(): Promise<void> {
  const { values, positionals } = readArguments()
  if (values.help) return console.log(help)
  const folder = resolve(values.models ?? process.env.SCORING_MODELS ?? join(findAppRoot(), 'models'))
  const store = new FolderModelStore(folder)
  const known = await store.listServices()
  if (known.length === 0) throw new Error(`no service in ${folder}: a service is a folder with a service.json`)
  const unknown = positionals.find(name => !known.includes(name))
  if (unknown !== undefined) throw new Error(`no service "${unknown}" in ${folder}; there are: ${known.join(', ')}`)
  for (const name of positionals.length > 0 ? positionals : known) {
    try {
      await optimizeService(await store.openService(name), folder)
    } catch (failure) {
      console.error(`[${name}] ${(failure as Error).message}`)
      process.exitCode = 1
    }
  }
}

function readArguments() {
  const options = { models: { type: 'string' }, help: { type: 'boolean', short: 'h' } } as const
  try {
    return parseArgs({ options, allowPositionals: true })
  } catch (failure) {
    console.error(`error: ${(failure as Error).message.split('. ')[0]}; see --help`)
    process.exit(1)
  }
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

main().catch(failure => {
  console.error(`error: ${(failure as Error).message}`)
  process.exitCode = 1
})
