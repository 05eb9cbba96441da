/**
 * `main` in package.json. A scoring thread starts here while the main thread reads the app, which is a bundle of its own because
 * the thread would wait until it is compiled.
 */
import { createRequire } from 'node:module'
import { halfOfMemoryMb } from '../src/adapters/local/memory.ts'
import { startWorkerThread } from '../src/adapters/node-worker/start-thread.ts'
import { defaultMaxMemoryMb } from '../src/models/definition/default-memory.ts'
import { ColdStart } from '../src/telemetry/cold-start.ts'

const coldStart = new ColdStart(() => performance.now())
coldStart.end('process')
const firstThread = startWorkerThread(Math.min(defaultMaxMemoryMb, halfOfMemoryMb()))
const { registerApp } = createRequire(import.meta.url)('./app.cjs') as typeof import('./app.ts')
registerApp({ coldStart, firstThread })
