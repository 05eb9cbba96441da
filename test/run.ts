/**
 * Runs every test file and ends with `N passed, N failed, N skipped`. What a missing tool makes impossible is named
 * as skipped; on CI (`CI=true`) a skip is a failure. Arguments choose files: `npm test -- test/tensor`.
 */
import '../src/adapters/onnxruntime/telemetry-off.ts'

import { globSync } from 'node:fs'
import { run } from 'node:test'
import { spec } from 'node:test/reporters'

const chosen = process.argv.slice(2)
const files = globSync('test/**/*.test.ts').filter(
  file => chosen.length === 0 || chosen.some(each => file.startsWith(each)),
)
if (files.length === 0) {
  console.error(`no test file under ${chosen.join(', ')}`)
  process.exit(1)
}

const counts = { passed: 0, failed: 0 }
const skipped: string[] = []

const stream = run({ files: files.sort(), concurrency: 2, timeout: 120_000 })
stream.on('test:pass', ({ name, skip, details }) => {
  // A suite that is skipped as a whole has no tests to report.
  if (skip !== undefined && skip !== false) skipped.push(typeof skip === 'string' ? `${name} (${skip})` : name)
  else if (details.type !== 'suite') counts.passed++
})
stream.on('test:fail', ({ details }) => {
  if (details.type !== 'suite') counts.failed++
})
stream.on('end', () => {
  for (const name of skipped) console.log(`skipped: ${name}`)
  const isFailed = counts.failed > 0 || counts.passed === 0 || (process.env.CI === 'true' && skipped.length > 0)
  console.log(`${counts.passed} passed, ${counts.failed} failed, ${skipped.length} skipped`)
  process.exitCode = isFailed ? 1 : 0
})
stream.compose(new spec()).pipe(process.stdout)
