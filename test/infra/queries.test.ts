import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { describe, expect, it, test } from 'vitest'
import { statusOf } from '../../src/errors.ts'
import { LogFormat } from '../../src/telemetry/log.ts'
import { attribute, metric, spanAttribute } from '../../src/telemetry/metric-names.ts'
import { openKusto } from '../support/kusto.ts'

const files = globSync('infra/queries/*.kql').sort()
const read = (file: string) => readFileSync(file, 'utf8')
const matches = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map(([, name]) => name as string)

/** The members of the app's lines of JSON. */
const format = new LogFormat({ format: 'json', level: 'debug' }, () => new Date(0))
const text = 'x'
const requestLine = format.formatRequest({
  ...{ level: 'info', service: text, modelVersion: text, requestId: text, method: text, path: text },
  ...{ status: 200, code: 'QUEUE_FULL', ms: 1, rows: 1, invocationId: text, traceId: text },
})
const line = format.format({ level: 'info', service: text, requestIds: [text], message: text })
const members = new Set([...Object.keys(JSON.parse(requestLine)), ...Object.keys(JSON.parse(line))])

const sources = globSync('{src,functions}/**/*.ts').map(read).join('\n')
/** Names of spans, and of functions. */
const spans = new Set(matches(sources, /\.(?:addPast|start)\(\s*['`]([^'`]+)['`]/g))
const functions = new Set(matches(sources, /^(?:app\.\w+|onQueue)\(['`]([^'`]+)['`]/gm))

/** The workbook shows the queries for the time that its user chooses. */
const inWorkbook = (query: string) => query.replaceAll('ago(1d)', '{TimeRange:start}')

describe('infra/queries', () => {
  const check = openKusto()

  test.each(files)('%s is a query that Azure Monitor takes', file => {
    assert.deepEqual(check(read(file)), [])
  })

  it('would be refused with an error in it', () => {
    assert.match(check('AppTraces | where Mesage has "x"').join(), /Mesage/)
    assert.match(check('AppTraces | summarise count()').join(), /./)
  })

  test.each(files)('%s reads only what the app tells', file => {
    const query = read(file).replace(/^\/\/.*$/gm, '')
    for (const name of matches(query, /\bline\.(\w+)/g)) assert.ok(members.has(name), `a line has no ${name}`)
    const attributes = new Set<string>([...Object.values(attribute), ...Object.values(spanAttribute)])
    for (const name of matches(query, /Properties\["([^"]+)"\]/g)) assert.ok(attributes.has(name), name)
    const metrics = new Set<string>(Object.values(metric).map(({ name }) => name))
    for (const name of matches(query, /"(scoring\.[^"]+)"(?!\])/g)) assert.ok(metrics.has(name), name)
    for (const code of matches(query, /"([A-Z]+_[A-Z_]+)"/g)) assert.ok(code in statusOf, code)
    for (const name of matches(query, /"(job-[^"]+)"/g)) {
      const isPoison = /^job-(split|chunk|finish)-poison$/.test(name) // registered in a loop
      assert.ok(functions.has(name) || isPoison, name)
    }
    const [, spanNames = ''] = /where Name in \(((?:"[a-z ]+",? ?)+)\)/.exec(query) ?? []
    for (const name of matches(spanNames, /"([^"]+)"/g)) assert.ok(spans.has(name), `no span is called ${name}`)
  })

  it('says in its first line which question it answers', () => {
    for (const file of files) expect(read(file), file).toMatch(/^\/\/ [A-Z][^?]*\? /)
  })
})

describe.each([
  { alert: 'refused-messages', lines: 5 },
  { alert: 'events-given-up', lines: 1 },
])('the alert $alert', ({ alert, lines }) => {
  const check = openKusto()

  it.each(['infra/function-alerts.bicep', 'infra/container-apps/container-alerts.bicep'])(
    'looks for lines that are written (%s)',
    file => {
      const [, query = ''] = new RegExp(`name: '${alert}'.*?query: '''\n(.*?)'''`, 's').exec(read(file)) ?? []
      if (file === 'infra/function-alerts.bicep') assert.deepEqual(check(query), []) // the parser knows its tables
      const texts = matches(query, /(?:contains|has) "([^"]+)"/g)
      assert.equal(texts.length, lines)
      for (const each of texts) assert.ok(sources.includes(each), each)
    },
  )
})

describe('infra/workbook/scoring.json', () => {
  const workbook = JSON.parse(read('infra/workbook/scoring.json')) as {
    version: string
    items: { type: number; name: string; content: { query?: string; parameters?: { name: string }[] } }[]
  }

  it('shows every query, as it is in its file', () => {
    const shown = new Map(workbook.items.flatMap(({ name, content }) => (content.query ? [[name, content.query]] : [])))
    assert.deepEqual([...shown.keys()].sort(), files.map(file => basename(file, '.kql')).sort())
    for (const file of files) assert.equal(shown.get(basename(file, '.kql')), inWorkbook(read(file)), file)
  })

  it('asks for the time that the queries name', () => {
    const parameters = workbook.items.flatMap(({ content }) => content.parameters ?? []).map(({ name }) => name)
    assert.deepEqual(parameters, ['TimeRange'])
  })
})
