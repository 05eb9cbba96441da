/** To be imported before everything else: a scoring thread starts while the main thread loads the rest of the app. */
import { halfOfMemoryMb } from '../src/adapters/local/memory.ts'
import { prewarmWorker } from '../src/adapters/node-worker/prewarmed-worker.ts'
import { defaultMaxMemoryMb } from '../src/models/definition/default-memory.ts'

prewarmWorker(Math.min(defaultMaxMemoryMb, halfOfMemoryMb()))
