/** `node test/jobs/model/soak.ts <runs> [seed]`: runs more scenarios than the test. */
import { runScenarios } from './run-scenarios.ts'

const [runs, seed = Math.floor(Math.random() * 2 ** 31)] = process.argv.slice(2).map(Number)
const startedAt = performance.now()
const seen = await runScenarios(runs ?? 1000, seed)
console.log(JSON.stringify({ runs, seed, seconds: Math.round((performance.now() - startedAt) / 1000), seen }, null, 2))
