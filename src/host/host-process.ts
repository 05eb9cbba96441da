/**
 * The embedded host: a stand-in for Azure's Functions host that runs a Node function app in this process.
 *
 *     node src/host/host-process.ts --app DIR --port 0
 *
 * The supervisor starts it as a child and restarts it; it also runs without it.
 *
 * The app is read first, and then the rest of the host: an app that starts threads has them start meanwhile.
 */
import { enableCompileCache } from 'node:module'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { FunctionsCore, supplyFunctionsCore } from './app/functions-core.ts'
import { loadApp } from './app/load-app.ts'
import { holdOutput, type ReleaseOutput, releaseOutput } from './held-output.ts'
import { HostLog } from './host-log.ts'
import { readLocalSettings } from './local-settings.ts'
import { LogFile } from './log-file.ts'
import { endOnUncaughtErrors, endUnstarted, explain, stopOnSignals } from './process-end.ts'
import { HostBus } from './service-bus/host-bus.ts'

/** Ends the app in good order. Until it is set there is nothing to end. */
let stop = async (): Promise<void> => {}

export type HostOptions = ReturnType<typeof readOptions>

function readOptions() {
  const { values } = parseArgs({
    options: {
      app: { type: 'string', default: '.' },
      port: { type: 'string', default: '' },
      'grpc-port': { type: 'string', default: '' },
      address: { type: 'string', default: '' },
      cert: { type: 'string' },
      key: { type: 'string' },
      verbose: { type: 'boolean', default: false },
      // The supervisor has put local.settings.json into the environment already.
      'no-local-settings': { type: 'boolean', default: false },
      // The supervisor prints a start screen first, and then asks for what was held back.
      'log-file': { type: 'string' },
      'hold-output': { type: 'boolean', default: false },
    },
  })
  // The folder of the app is the working directory from soon on.
  const atStart = (path: string | undefined) => (path === undefined ? undefined : resolve(path))
  return { ...values, cert: atStart(values.cert), key: atStart(values.key) }
}

async function main(): Promise<void> {
  const options = readOptions()
  directOutput(options)
  const appRoot = resolve(options.app)
  const log = new HostLog(options.verbose)
  const local = options['no-local-settings'] ? undefined : readLocalSettings(appRoot, process.env)
  for (const warning of local?.warnings ?? []) console.error(warning)
  Object.assign(process.env, local?.values)
  process.env.AZURE_FUNCTIONS_ENVIRONMENT ??= 'Development'

  const bus = new HostBus(process.env)
  const core = new FunctionsCore(log, bus.module)
  await readFunctions(core, appRoot)
  const { serveApp } = await import('./serve-app.ts')
  const onServing = (stopServing: typeof stop) => {
    stop = stopServing
  }
  await serveApp({ options, appRoot, local, log, bus, core, onServing })
}

/** Sends what is printed to the log file too, and holds it back until the supervisor asks for it. */
function directOutput(options: HostOptions): void {
  const logFile = options['log-file'] === undefined ? undefined : new LogFile(options['log-file'])
  if (!options['hold-output']) return logFile?.copyOutput()
  holdOutput(
    text => logFile?.append(text),
    () => logFile?.copyOutput(),
  )
  process.on('message', ({ type, omit }: ReleaseOutput) => {
    if (type === 'release output') releaseOutput(omit)
  })
}

/** Reads the app, which registers its functions and hooks. */
async function readFunctions(core: FunctionsCore, appRoot: string): Promise<void> {
  supplyFunctionsCore(core)
  // Node.js then reads what it compiled at an earlier start. Where it cannot store that, it does without.
  enableCompileCache(join(appRoot, '.local', 'compile-cache'))
  // As Azure's host does: relative paths of the app's own code and settings begin at its folder.
  process.env.AzureWebJobsScriptRoot = appRoot
  process.chdir(appRoot)
  await loadApp(appRoot)
}

stopOnSignals(() => stop())
// When the reader of the log is gone (`npm start | head`), the host goes on.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})
endOnUncaughtErrors()
main().catch(error => {
  releaseOutput()
  console.error(explain(error))
  endUnstarted()
})
