import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { describe, it } from 'vitest'

/** Variables that are for others: the host, Node.js, or a script. */
const notSettings = [
  'AZUREML_MODEL_DIR', // set for scripts
  'AZURE_LOG_LEVEL', // silenced
]
const pattern =
  /\b(?:SCORING_|AZUREML_|AZURE_|KEY_VAULT_|FUNCTIONS_REQUEST_|SERVER_VERSION_|ORT_DISABLE_|HTTP20_)[A-Z_]*[A-Z]\b|\bAzureWebJobsStorage(?:__\w+)?\b/g

const namesIn = (text: string): string[] => [...text.matchAll(pattern)].map(([name]) => name)
const sources = globSync('{src,functions}/**/*.ts').map(file => readFileSync(file, 'utf8'))
// "SCORING_TIMEOUT" and "AZURE_…" of patterns are no settings: those are read as members, or by their whole name.
const codes = new Set(namesIn(readFileSync('src/errors.ts', 'utf8')))
const read = new Set(
  sources
    .flatMap(text => [...text.matchAll(/^ {2}([A-Z]\w+): |nvironment\.(\w+)|env\.(\w+)|'(\w+)'/gm)])
    .flatMap(match => namesIn(match.slice(1).find(Boolean) ?? ''))
    .filter(name => !codes.has(name) && !notSettings.includes(name)),
)
/** Cells of tables: `| \`NAME\` | … |`. */
const documented = new Set(
  ['guide/settings.md', 'guide/operations.md'].flatMap(file =>
    [...readFileSync(file, 'utf8').matchAll(/^\| `[A-Za-z0-9_]+` .*$/gm)].flatMap(([row]) => namesIn(row)),
  ),
)

describe('guide/settings.md: the tables of settings', () => {
  it('have every setting that the app reads', () => {
    assert.deepEqual([...read].filter(name => !documented.has(name)).sort(), [])
  })

  it('have none that it does not read', () => {
    assert.deepEqual([...documented].filter(name => !read.has(name)).sort(), [])
  })
})
