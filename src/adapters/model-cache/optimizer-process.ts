/** Runs in a process of its own, with the least priority: writes one entry of the model cache, says what came of it, ends. */
import { constants, setPriority } from 'node:os'
import type { UncachedModel } from '../../models/session/load-report.ts'
import { type CacheLimits, optimizeModel } from './optimize-model.ts'

const [model, limits] = process.argv.slice(2).map(text => JSON.parse(text)) as [UncachedModel, CacheLimits]
setPriority(constants.priority.PRIORITY_LOW)
optimizeModel(model, limits).then(
  what => console.log(what),
  failure => {
    console.log(`is not kept: ${(failure as Error).message}`)
    process.exitCode = 1
  },
)
