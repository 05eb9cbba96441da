import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { sep } from 'node:path'
import { describe, it } from 'vitest'

/** Words that are retired, as regular expressions in small letters, and what to say instead (CONTRIBUTING.md, glossary). */
const retired: Readonly<Record<string, string>> = {
  'lanes?': 'service scheduler, worker pool, request queue',
  'hand-?overs?': 'dispatch',
  'takers?': 'refill, capacity',
  company: 'batch, batch delay',
  'loners?|runs alone': 'exclusive request',
  patience: 'timeout, deadline',
  'guilty|blame[ds]?': 'culprit',
  'innocents?': 'requests to retry',
  'desks?': 'job service',
  'intakes?': 'job store',
  careful: 'isolation',
  'trails?': 'attempt log',
  '(un)?wanted': 'active',
  'known jobs': 'job cache',
  'tally|tallies': 'progress, totals',
  'revivals?|brings? back': 'redelivery, re-enqueues',
  headed: 'pre-processing pipeline, first stage',
  'own media': 'custom content types',
  'lets? (nobody |them |others )?in': 'authorized',
  'open to everybody': 'public',
  'early reads?': 'forced refresh',
  surroundings: 'context',
  'occasions?': 'invocation',
  'keepers?': 'supervisor',
  'until quiet': 'when idle',
  'encode uncalled': 'empty success',
  'tells times': 'server timing',
  'mend(s|ed|ing)?': 'fix',
  'in vain': 'to no effect',
  sugar: 'optional',
  'somebody|whoever': 'the caller, the client, the owner',
}

/** Names that messages and blobs of earlier versions carry: a folder of blobs and a member of messages. */
const wireNames = /careful\\?\/|\bisRevival\b/g

const folders = ['src', 'functions', 'test', 'guide', 'bench', 'README.md', 'CONTRIBUTING.md']

interface Line {
  readonly where: string
  /** In small letters; `waitsForCompany` is there a second time, as "waits for company". */
  readonly text: string
}

const paths = (pattern: string) => globSync(pattern).map(path => path.split(sep).join('/'))

const withWords = (line: string) => `${line} ${line.replaceAll(/(?<=[a-z\d])(?=[A-Z])/g, ' ')}`.toLowerCase()

function readLines(folder: string): Line[] {
  const files = folder.endsWith('.md') ? [folder] : paths(`${folder}/**/*.{ts,js,py,html,css,md}`)
  // Fixtures are texts of others, and this file names the words.
  return files
    .filter(file => !file.includes('/fixtures/') && file !== 'test/vocabulary.test.ts')
    .flatMap(file =>
      readFileSync(file, 'utf8')
        .split('\n')
        .map((line, index) => ({ where: `${file}:${index + 1}`, text: withWords(line.replaceAll(wireNames, '')) })),
    )
}

describe('the vocabulary', () => {
  const lines = folders.flatMap(readLines)

  it.each(Object.entries(retired))('has no "%s": say %s', word => {
    const pattern = new RegExp(`\\b(${word})\\b`)
    const found = lines.filter(({ text }) => pattern.test(text))
    assert.deepEqual(
      found.map(({ where }) => where),
      [],
    )
  })

  it('names functions by verbs or plain nouns, not …Of', () => {
    const declared =
      /function \w+Of\b|const \w+Of = (async )?(\(|\w+ =>)|^ {2}(static |async |private |get )*#?\w+Of\(/m
    const found = paths('{src,functions}/**/*.ts').filter(file => declared.test(readFileSync(file, 'utf8')))
    assert.deepEqual(found, [])
  })
})
