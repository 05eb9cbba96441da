/** The calls that a service's document shows, pasted as they are: only the address and the key are put in. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { appPlaceholder, type CodeSample } from '../../src/protocols/openapi/code-samples.ts'
import { identityModel, writeModel } from '../support/onnx-writer.ts'
import { pythonWith } from '../support/python.ts'
import { type RunningApp, runApp } from '../support/running-app.ts'
import { skipFor } from '../support/skip-for.ts'
import { run, works } from './tools.ts'

/** Two columns by name, each returned as it came. */
const columns = writeModel({
  nodes: [
    { op: 'Identity', inputs: ['plan'], outputs: ['same_plan'] },
    { op: 'Identity', inputs: ['income'], outputs: ['same_income'] },
  ],
  inputs: [
    ['plan', 'string', ['rows', 1]],
    ['income', 'float32', ['rows', 1]],
  ],
  outputs: [
    ['same_plan', 'string', ['rows', 1]],
    ['same_income', 'float32', ['rows', 1]],
  ],
})
/** Characters with a meaning in shells, Python or JavaScript. */
const texts = ['it\'s "x"', '$HOME `id` \\ \\n $(id)', 'ü\u2028']
const sampled = { schema: { input: 'sample.json' } }
const records = texts.map((plan, index) => ({ plan, income: index === 1 ? null : 1.5 }))
const files = {
  'lists/service.json': sampled,
  'lists/model.onnx': identityModel('float32'),
  'lists/sample.json': { data: [[1.5, -2]] },
  'records/service.json': sampled,
  'records/model.onnx': columns,
  'records/sample.json': { data: records },
  'public/service.json': { ...sampled, auth: { mode: 'none' }, entryScript: 'score.mjs' },
  'public/score.mjs': 'export const init = () => {}\nexport const run = text => JSON.parse(text)',
  'public/sample.json': { flag: true, nothing: null, texts: [texts] },
}
const answers: [service: string, answer: unknown][] = [
  ['lists', [[1.5, -2]]],
  ['records', { same_plan: texts.map(text => [text]), same_income: records.map(({ income }) => [income]) }],
  ['public', files['public/sample.json']],
]

describe('x-codeSamples of the score operation', async () => {
  const tool = await pythonWith(join(import.meta.dirname, 'python/frame-requirements.txt'))
  const noPython = 'missing' in tool && tool.missing
  const noCurl = !(await works('curl', '--version')) && 'curl is not installed'
  let app: RunningApp
  const cleanUps: (() => unknown)[] = []
  beforeAll(async () => {
    app = await runApp({ onTestFinished: each => cleanUps.push(each as () => unknown) }, files)
    for (const [name, { status, reason }] of Object.entries(await app.settled()))
      assert.equal(status, 'ready', `${name}: ${reason}`)
  })
  afterAll(async () => {
    for (const cleanUp of cleanUps.reverse()) await cleanUp()
  })

  const sampleOf = async (service: string, lang: CodeSample['lang']): Promise<string> => {
    const response = await fetch(`${app.url}/api/v1/service/${service}/swagger.json?version=3.1`)
    const { paths } = (await response.json()) as {
      paths: Record<string, { post: { 'x-codeSamples': CodeSample[] } }>
    }
    const samples = paths[`/api/v1/service/${service}/score`]?.post['x-codeSamples'] ?? []
    const source = samples.find(sample => sample.lang === lang)?.source ?? ''
    const isProtected = source.includes('<key>')
    assert.equal(isProtected, service !== 'public')
    return source.replaceAll(appPlaceholder, app.url).replaceAll('<key>', await app.keyOf(service).catch(() => ''))
  }

  it.each(answers)('work in a shell: %s', skipFor(noCurl), async (service, answer) => {
    const { stdout } = await run('sh', '-c', await sampleOf(service, 'Shell'))
    assert.deepEqual(JSON.parse(stdout), answer)
  })

  it.each(answers)('work in JavaScript: %s', async (service, answer) => {
    const source = (await sampleOf(service, 'JavaScript')).replace(
      'console.log(await response.json())',
      'console.log(JSON.stringify(await response.json()))',
    )
    const { stdout, stderr } = await run(process.execPath, '--input-type=module', '-e', source)
    assert.equal(stderr, '')
    assert.deepEqual(JSON.parse(stdout), answer)
  })

  it.each(answers)(
    'work in Python, from a DataFrame where rows are plain: %s',
    skipFor(noPython),
    async (service, answer) => {
      if ('missing' in tool) return
      const source = await sampleOf(service, 'Python')
      assert.equal(source.includes('pd.DataFrame'), service !== 'public')
      const printed = source.replace('print(response.json())', 'print(response.text)')
      const { stdout, stderr } = await run(tool.python, '-c', printed)
      assert.equal(stderr, '')
      assert.deepEqual(JSON.parse(stdout), answer)
    },
  )
})
