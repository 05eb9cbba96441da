/** To be imported before everything else: here the host begins to read the app. */
import { ColdStart } from '../src/telemetry/cold-start.ts'

export const coldStart = new ColdStart(() => performance.now())
coldStart.end('process')
