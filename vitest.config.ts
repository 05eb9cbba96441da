import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { defineConfig } from 'vitest/config'
import { CpuReporter } from './test/support/cpu-reporter.ts'
import { RoomCoverageReporter } from './test/support/room-coverage.ts'
import { SlowFirstSequencer } from './test/support/slow-first.ts'
import { SummaryReporter } from './test/support/summary-reporter.ts'
import { bundleThreads } from './test/support/thread-bundle.ts'

/** Tests that start the whole app. */
const functions = [
  'test/functions/**',
  'test/host/host-*.test.ts',
  'test/cli/**',
  'test/package/**',
  'test/first-hour/**',
  'test/contract/**',
  'test/{app,architecture,docs,documented-settings,errors,settings}.test.ts',
  'test/fuzz/**',
]
/** Tests that need more than Node.js and npm: Python's packages, Go, Java, a browser. `npm run test:clients` */
const clients = [
  'test/clients/**',
  'test/browser/**',
  'test/first-hour/**',
  'test/fuzz/openapi-fuzz.test.ts',
  'test/functions/accelerators.test.ts',
  'test/models/graph/suite.test.ts',
]
const chaos = ['test/chaos/**']
/** Rooms that leave nothing behind in their process: their files share one, and what it has loaded, which is half of their time. */
const shared = ['test/{auth,encrypted,inference,jobs,models,protocols,scheduling,scripts,telemetry,tensor}/**']

// Threads and processes that a test starts run src/ as it is. With this cache Node.js strips and compiles a file once instead of in
// each of them, which is half of the CPU time of test/workers. V8's coverage is less exact with code from a cache.
if (!process.argv.some(argument => argument.startsWith('--coverage'))) {
  const cache = join(import.meta.dirname, 'node_modules/.cache/node-compile')
  // Scripts of tests lie in a new folder each time, and their entries are never used again: some 5,000 a run.
  if (existsSync(cache) && readdirSync(cache, { recursive: true }).length > 20_000) rmSync(cache, { recursive: true })
  process.env.NODE_COMPILE_CACHE ??= cache
}

// The Pythons of tests are kept (test/support/python.ts). With what they compile, an import of pandas takes 0.5 s instead of 1.9 s.
delete process.env.PYTHONDONTWRITEBYTECODE

const project = (name: string, folders: readonly string[], exclude: readonly string[] = []) => ({
  extends: true as const,
  test: {
    name,
    include: folders.map(folder => (folder.endsWith('.ts') ? folder : `${folder}/*.test.ts`)),
    exclude: ['test/fixtures/**', ...exclude],
  },
})

const unit = project('unit', ['test/**'], [...functions, ...clients, ...chaos, ...shared, 'test/readme.test.ts'])
// They install, compile and generate, on a machine that may be busy.
const ofClients = project('clients', clients)
const sharing = project('sharing', shared, clients)
const typecheck = { enabled: true, include: ['test/types/*.test-d.ts'], tsconfig: 'test/types/tsconfig.json' }

// A watch keeps its configuration, and coverage is that of the sources.
const isSingleRun = process.argv.includes('run') && !process.argv.some(argument => argument.startsWith('--coverage'))

export default defineConfig({
  plugins: isSingleRun ? [bundleThreads()] : [],
  // The package by its own name is its sources here, as in tsconfig.json.
  resolve: {
    alias: [
      { find: /^scoring-functions$/, replacement: join(import.meta.dirname, 'src/scripts/api.ts') },
      { find: /^scoring-functions\/testing$/, replacement: join(import.meta.dirname, 'src/testing/load-service.ts') },
      { find: /^scoring-functions\/client$/, replacement: join(import.meta.dirname, 'src/client/index.ts') },
    ],
  },
  test: {
    // Real threads, processes and storage: a file has a process of its own. They wait as much as they compute, so that four share
    // the two cores of a small machine.
    pool: 'forks',
    maxWorkers: 4,
    sequence: { sequencer: SlowFirstSequencer },
    taskTitleValueFormatTruncate: 0, // rows of tables keep their whole names
    setupFiles: ['test/support/cpu-time.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    reporters: ['default', new RoomCoverageReporter(), new CpuReporter(), new SummaryReporter()],
    coverage: { provider: 'v8', include: ['src/**', 'functions/**'], reporter: ['html'] },
    projects: [
      { ...unit, test: { ...unit.test, typecheck } },
      { ...sharing, test: { ...sharing.test, isolate: false } },
      project('functions', functions, clients),
      { ...ofClients, test: { ...ofClients.test, testTimeout: 900_000, hookTimeout: 900_000 } },
      project('chaos', chaos),
      // `npm start` builds anew, under the feet of every test that runs what is built: alone, after all others.
      { extends: true, test: { name: 'readme', include: ['test/readme.test.ts'], sequence: { groupOrder: 1 } } },
    ],
  },
})
