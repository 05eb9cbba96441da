import type { Reporter, TestCase, TestModule, Vitest } from 'vitest/node'

/**
 * Ends a run with `N passed, N failed, N skipped`. What a missing tool makes impossible is named with its reason; on CI
 * (`CI=true`) a skip is a failure.
 */
export class SummaryReporter implements Reporter {
  #isFilteredByName = false

  onInit({ config }: Vitest): void {
    this.#isFilteredByName = config.testNamePattern !== undefined
  }

  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const counts = { passed: 0, failed: unhandledErrors.length, skipped: 0 }
    const reasons = new Set<string>()
    for (const module of modules) {
      counts.failed += module.errors().length
      for (const test of module.children.allTests()) {
        const { state } = test.result()
        if (state === 'passed' || state === 'failed') counts[state]++
        else {
          counts.skipped++
          const reason = reasonOf(test)
          // With `-t`, tests of other names are skipped without a reason.
          if (reason !== undefined || !this.#isFilteredByName)
            reasons.add(`${suiteOrTestName(test)} (${reason ?? 'no reason given'})`)
        }
      }
    }
    for (const reason of reasons) console.log(`skipped: ${reason}`)
    console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`)
    if (counts.failed > 0 || counts.passed === 0 || (process.env.CI === 'true' && counts.skipped > 0))
      process.exitCode = 1
  }
}

/** The outermost suite that was skipped for the same reason stands for all of its tests. */
function suiteOrTestName(test: TestCase): string {
  const reason = test.meta().skipReason
  let name = test.name
  for (let each = test.parent; each.type === 'suite' && reason !== undefined; each = each.parent) {
    if (each.meta().skipReason === reason) name = each.name
  }
  return name
}

function reasonOf(test: TestCase): string | undefined {
  const result = test.result()
  return (result.state === 'skipped' && result.note) || test.meta().skipReason || undefined
}
