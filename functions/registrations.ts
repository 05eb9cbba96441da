/** To be imported before the files that register functions: it sees what they register. */
import { functionsCore } from '../src/adapters/functions-worker/functions-core.ts'
import { Registrations } from '../src/adapters/functions-worker/registrations.ts'

export const registrations = new Registrations()
registrations.watch(functionsCore)
