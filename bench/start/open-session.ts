/**
 * Opens a model as a scoring thread does and scores one row, in a process of its own; prints what each took, as JSON.
 *
 *     node open-session.ts MODEL TINY_MODEL
 */
import { loadOnnxModel } from '../../src/adapters/onnxruntime/load-onnx-model.ts'
import { ServiceDefinition } from '../../src/models/definition/definition.ts'
import { syntheticRow } from '../../src/scripts/made-up-rows.ts'

const [path = '', tiny = ''] = process.argv.slice(2)
const { accelerator } = ServiceDefinition.parse({})
await loadOnnxModel({ name: 'tiny', path: tiny, sha256: undefined }, accelerator) // ONNX Runtime's own start
const startedAt = performance.now()
const session = await loadOnnxModel({ name: 'm', path, sha256: undefined }, accelerator)
const openMs = performance.now() - startedAt
const answer = await session.run(syntheticRow(session.inputs))
const firstRunMs = performance.now() - startedAt - openMs
await session.run(syntheticRow(session.inputs))
const runMs = performance.now() - startedAt - openMs - firstRunMs
const sum = Object.values(answer)[0]?.data.at(-1)
console.log(
  JSON.stringify({
    openMs,
    firstRunMs,
    runMs,
    rssMb: process.memoryUsage.rss() / 2 ** 20,
    isOptimized: session.isOptimizedAhead,
    sum: String(sum),
  }),
)
