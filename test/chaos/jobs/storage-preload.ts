/**
 * Preloaded into Azurite (`--import`), which writes its tables to disk every five seconds only: here they are written in the moment in
 * which it is killed, because a storage account keeps what it has answered. Nothing runs between the two.
 */
import { writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'

interface Loki {
  readonly filename: string
  serialize(): string
}
interface LokiClass {
  prototype: Loki & { saveDatabase(...args: unknown[]): unknown }
}

const requireFromAzurite = createRequire(createRequire(import.meta.url).resolve('azurite/package.json'))
const { prototype } = requireFromAzurite('lokijs') as LokiClass
const tables = new Set<Loki>()
const { saveDatabase } = prototype
prototype.saveDatabase = function (this: LokiClass['prototype'], ...args: unknown[]) {
  tables.add(this) // each is saved at its start already
  return saveDatabase.apply(this, args)
}

process.on('message', () => {
  for (const table of tables) writeFileSync(table.filename, table.serialize())
  process.kill(process.pid, 'SIGKILL')
})
// Azurite does not notice that its parent was killed.
process.on('disconnect', () => process.exit())
