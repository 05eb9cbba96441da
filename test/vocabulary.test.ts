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

/** Where a word still stands: an entry goes, or loses a folder, as soon as that is clean. */
const stillIn: Readonly<Record<string, readonly string[]>> = {
  'takers?': ['src'],
  company: ['src', 'test'],
  'loners?|runs alone': ['src', 'test'],
  patience: ['src', 'test'],
  'guilty|blame[ds]?': ['src', 'test'],
  'innocents?': ['src', 'test'],
  careful: ['src', 'test'], // jobs: a name of blobs, which stays on the wire
  '(un)?wanted': ['src', 'test'],
  'tally|tallies': ['test'],
  'revivals?|brings? back': ['src', 'test'], // jobs: `isRevival` of messages, which stays on the wire
  'lets? (nobody |them |others )?in': ['src', 'test'],
  surroundings: ['test'],
  'until quiet': ['test'],
  'mend(s|ed|ing)?': ['src'],
  'in vain': ['src', 'test'],
  sugar: ['functions'],
  'somebody|whoever': ['src', 'test'],
}

/** Rooms with functions that are still called `…Of`. */
const roomsWithOf: readonly string[] = ['src/adapters', 'src/compose', 'src/protocols', 'src/scheduling', 'src/workers']

const folders = ['src', 'functions', 'test', 'guide', 'bench', 'README.md', 'CONTRIBUTING.md']

interface Line {
  readonly folder: string
  readonly where: string
  /** In small letters; `waitsForCompany` stands there a second time, as "waits for company". */
  readonly text: string
}

const paths = (pattern: string) => globSync(pattern).map(path => path.split(sep).join('/'))

function readLines(folder: string): Line[] {
  const files = folder.endsWith('.md') ? [folder] : paths(`${folder}/**/*.{ts,js,py,html,css,md}`)
  // Fixtures are texts of others, and this file names the words.
  return files
    .filter(file => !file.includes('/fixtures/') && file !== 'test/vocabulary.test.ts')
    .flatMap(file =>
      readFileSync(file, 'utf8')
        .split('\n')
        .map((line, index) => ({
          folder,
          where: `${file}:${index + 1}`,
          text: `${line} ${line.replaceAll(/(?<=[a-z\d])(?=[A-Z])/g, ' ')}`.toLowerCase(),
        })),
    )
}

describe('the vocabulary', () => {
  const lines = folders.flatMap(readLines)

  it.each(Object.entries(retired))('has no "%s": say %s', word => {
    const pattern = new RegExp(`\\b(${word})\\b`)
    const found = lines.filter(({ folder, text }) => !stillIn[word]?.includes(folder) && pattern.test(text))
    assert.deepEqual(
      found.map(({ where }) => where),
      [],
    )
  })

  it('names functions by verbs or plain nouns, not …Of', () => {
    const declared =
      /function \w+Of\b|const \w+Of = (async )?(\(|\w+ =>)|^ {2}(static |async |private |get )*#?\w+Of\(/m
    const found = paths('{src,functions}/**/*.ts').filter(file => declared.test(readFileSync(file, 'utf8')))
    assert.deepEqual(
      found.filter(file => !roomsWithOf.some(room => file.startsWith(`${room}/`))),
      [],
    )
  })
})
