/** `node test/jobs/model/soak.ts <runs> [seed]`: many more scenarios than the test has time for. */
import { runScenarios } from './run-scenarios.ts'

const [runs, seed = Math.floor(Math.random() * 2 ** 31)] = process.argv.slice(2).map(Number)
const startedAt = performance.now()
const seen = await runScenarios(runs ?? 1000, seed)
console.log(JSON.stringify({ runs, seed, seconds: Math.round((performance.now() - startedAt) / 1000), seen }, null, 2))
