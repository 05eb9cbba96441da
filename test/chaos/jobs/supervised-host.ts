/** A host under the supervisor, as `npm start` runs it: `node supervised-host.ts <folder of the app>`. */

import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { superviseHost } from '../../../src/host/supervisor.ts'

const [appRoot = ''] = process.argv.slice(2)
process.exitCode = await superviseHost({
  entry: pathToFileURL(join(appRoot, 'dist/host-process.cjs')),
  args: ['--app', appRoot],
  nodeArgs: ['--import', new URL('host-preload.ts', import.meta.url).href],
  port: 0,
  environment: process.env,
  // Hosts that start after this one have its port.
  onListening: ({ url }) => console.log(`Listening on ${url}`),
  log: line => console.log(`chaos: supervisor: ${line}`),
  // It is killed all the time, and that is no reason to wait.
  restarts: {
    immediateRestarts: Number.POSITIVE_INFINITY,
    firstDelayMs: 0,
    maxDelayMs: 0,
    resetAfterMs: 0,
    maxStartCrashes: Number.POSITIVE_INFINITY,
    killAfterCrashMs: 5000,
  },
})
