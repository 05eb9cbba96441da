/** The snippets of guide/models.md: each is run as printed, and the answers are those that the page shows. */
import assert from 'node:assert/strict'
import { globSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'vitest'
import { pythonWith } from '../support/python.ts'
import { runApp } from '../support/running-app.ts'
import { run } from './tools.ts'

const services = { 'scikit-learn': 'churn', LightGBM: 'renewal' }

/** Fenced blocks of one language under a heading, in order. */
function readBlocks(page: string, heading: string, language: string): string[] {
  const section = page.split(/^## /m).find(text => text.startsWith(`${heading}\n`)) ?? ''
  return [...section.matchAll(/^```(\w*)\n(.*?)^```/gms)].flatMap(([, name, block = '']) =>
    name === language ? [block] : [],
  )
}

/** Numbers apart from the rest, because their last digits depend on the processor. */
function separateNumbers(json: string): { numbers: number[]; rest: unknown } {
  const numbers: number[] = []
  const rest = JSON.parse(json, (_, value) => (typeof value === 'number' ? numbers.push(value) && 'number' : value))
  return { numbers, rest }
}

function assertSameAnswer(answer: string, shown: string): void {
  const [actual, expected] = [separateNumbers(answer), separateNumbers(shown)]
  assert.deepEqual(actual.rest, expected.rest)
  for (const [index, number] of expected.numbers.entries())
    assert.ok(Math.abs(number - (actual.numbers[index] ?? Number.NaN)) < 1e-5, `${answer} instead of ${shown}`)
}

describe('guide/models.md', () => {
  it('exports models that are scored from a DataFrame as shown, with rows that may share runs', async test => {
    const tool = await pythonWith(join(import.meta.dirname, 'python/model-requirements.txt'))
    if ('missing' in tool) return test.skip(tool.missing)
    const page = await readFile('guide/models.md', 'utf8')
    const folder = await mkdtemp(join(tmpdir(), 'models-page-'))
    test.onTestFinished(() => rm(folder, { recursive: true, force: true, maxRetries: 9 }))
    const runSnippet = async (snippet: string, environment = {}) => {
      const file = join(folder, 'snippet.py')
      await writeFile(file, snippet)
      return run('env', '-C', folder, ...Object.entries(environment).map(pair => pair.join('=')), tool.python, file)
    }

    for (const library of Object.keys(services)) {
      const [exporting = ''] = readBlocks(page, library, 'python')
      const { code, stderr } = await runSnippet(exporting)
      assert.equal(code, 0, `${library}: ${stderr}`)
    }
    const root = join(folder, 'models')
    const files = globSync('*/{service.json,1/model.onnx}', { cwd: root })
    assert.equal(files.length, 4)
    const app = await runApp(
      test,
      Object.fromEntries(await Promise.all(files.map(async path => [path, await readFile(join(root, path))]))),
    )
    const states = await app.settled()

    for (const [library, service] of Object.entries(services)) {
      assert.partialDeepStrictEqual(states[service], { status: 'ready', microBatching: true })
      const [, scoring = ''] = readBlocks(page, library, 'python')
      const [shown = ''] = readBlocks(page, library, 'json')
      const { stdout, stderr } = await runSnippet(scoring.replace('http://localhost:7071', app.url), {
        [`${service.toUpperCase()}_KEY`]: await app.keyOf(service),
      })
      assert.equal(stderr, '')
      assertSameAnswer(stdout, shown)
    }
  })
})
