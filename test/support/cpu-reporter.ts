import { relative } from 'node:path'
import type { Reporter, TestModule } from 'vitest/node'

/** Files whose run is worth a list. */
const enoughFiles = 10
const listed = 15

/** Names the files that took the most CPU time, which says the same whatever else the machine does. See cpu-time.ts. */
export class CpuReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const files = modules
      .map(module => ({ path: relative(process.cwd(), module.moduleId), seconds: module.meta().cpuSeconds ?? 0 }))
      .sort((one, other) => other.seconds - one.seconds)
    const total = files.reduce((sum, { seconds }) => sum + seconds, 0)
    if (files.length < enoughFiles || total === 0) return
    console.log(`${total.toFixed(0)} s of CPU time in test files; the most:`)
    for (const { path, seconds } of files.slice(0, listed)) console.log(`${seconds.toFixed(1).padStart(7)} s  ${path}`)
  }
}
