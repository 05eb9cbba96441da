/** The first hour of a data scientist, from an empty folder to a second version: README and guide as one story. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, it } from 'vitest'
import { run } from '../clients/tools.ts'
import { makePackedProject, packTarball, type StartedProject } from '../support/packed-project.ts'
import { pythonWith } from '../support/python.ts'

type Probabilities = Record<'no' | 'yes', number>
interface Answer {
  readonly output_label: string[]
  readonly output_probability: Probabilities[]
  readonly atRisk?: boolean[]
}

const requirements = join(import.meta.dirname, '../clients/python/model-requirements.txt')

const script = `
import { type InitContext, type ModelSession, Tensor } from 'scoring-functions'

interface Customer { age: number; income: number | null; plan: string }
let churn: ModelSession

export async function init({ loadModel }: InitContext) {
  churn = await loadModel()
}

export async function run(rawData: string) {
  const { data } = JSON.parse(rawData) as { data: Customer[] }
  const column = (name: 'age' | 'income') => Tensor.from('float32', data.map(row => [row[name]]))
  const plan = Tensor.from('string', data.map(row => [row.plan]))
  const answer = await churn.run({ age: column('age'), income: column('income'), plan })
  const { data: probabilities } = answer.output_probability as Tensor // of no and yes, row after row
  return { ...answer, atRisk: data.map((_, row) => Number(probabilities[2 * row + 1]) > 0.5) }
}
`

const unitTest = `
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { loadService } from 'scoring-functions/testing'

test('churn flags who will probably leave', async () => {
  await using churn = await loadService('models/churn')
  const young = { age: 25, income: 31000, plan: 'basic' }
  const { atRisk } = await churn.score<{ atRisk: boolean[] }>({ data: [young, { ...young, age: 61, plan: 'plus' }] })
  assert.deepEqual(atRisk, [true, false])
})
`

describe('the first hour', () => {
  it('leads from npm create to a DataFrame that a colleague scores, a script, a test and a second version', async test => {
    const tool = await pythonWith(requirements)
    if ('missing' in tool) return test.skip(tool.missing)
    const project = await makePackedProject(test, await packTarball(test))
    const models = ['1', project.path('churn.onnx'), '9', project.path('churn-2.onnx')]
    const trained = await python(tool.python, [join(import.meta.dirname, 'train.py'), ...models])
    const [expected, expectedOfSecond] = JSON.parse(trained) as [Probabilities[], Probabilities[]]

    // A classifier with the defaults of scikit-learn becomes a service of the app that runs.
    const app = await project.start()
    const added = await project.run('npx', ['scoring', 'add', 'churn.onnx'])
    assert.equal(added.code, 0, added.stderr)
    await until(async () => (await readiness(app)).churn?.status === 'ready')
    const key = (await project.run('npx', ['scoring', 'keys', 'show', 'churn', '--key', 'primary'])).stdout.trim()
    const score = async (url = app.url): Promise<Answer> =>
      JSON.parse(
        await python(tool.python, [join(import.meta.dirname, 'score.py'), `${url}/api/v1/service/churn/score`], key),
      )
    assertClose((await score()).output_probability, expected)
    const atRisk = async () => {
      const rows = [25, 61, 33].map(age => ({ age, income: null, plan: age === 25 ? 'basic' : 'plus' }))
      return ((await (await app.score('churn', { data: rows })).json()) as Answer).atRisk
    }

    // A script is used as soon as it is saved, and again when it changes.
    await project.write('models/churn/score.ts', script.replace('> 0.5', '> 2'))
    const definition = JSON.parse(await project.read('models/churn/service.json'))
    await project.write('models/churn/service.json', JSON.stringify({ ...definition, entryScript: 'score.ts' }))
    await until(async () => (await atRisk())?.join() === 'false,false,false')
    await project.write('models/churn/score.ts', script)
    await until(async () => (await atRisk())?.join() === 'true,false,false')
    assertClose((await score()).output_probability, expected)

    await project.write('tests/churn.test.ts', unitTest)
    const tests = await project.run('npm', ['test'])
    assert.equal(tests.code, 0, tests.stdout)

    // The mistake is told to the caller, by row and column, once the script leaves the input to the service.
    await project.write('models/churn/service.json', JSON.stringify(definition))
    await until(async () => (await atRisk()) === undefined)
    const wrong = await app.score('churn', { data: [{ age: 'old', income: 31_000, plan: 'basic' }] })
    assert.equal(wrong.status, 400)
    assert.match(
      ((await wrong.json()) as { message: string }).message,
      /^input "age"\[0\]: expected a number \(float32\), got a string$/,
    )

    // A second version, checked and served with the same key after a restart.
    const second = await project.run('npx', ['scoring', 'add', 'churn-2.onnx', '--name', 'churn'])
    assert.equal(second.code, 0, second.stderr)
    await until(async () => (await readiness(app)).churn?.version === '2')
    const { code, stdout, stderr } = await project.run('npm', ['run', 'check'])
    assert.equal(code, 0, `${stdout}${stderr}`)
    await app.stop()
    const again = await project.start()
    await until(async () => (await readiness(again)).churn?.status === 'ready')
    assertClose((await score(again.url)).output_probability, expectedOfSecond)
    assert.equal((await again.score('churn', { data: [] })).headers.get('x-scoring-model-version'), '2')
  })
})

async function python(program: string, args: readonly string[], key = ''): Promise<string> {
  const { code, stdout, stderr } = await run('env', `KEY=${key}`, program, ...args)
  assert.equal(code, 0, stderr)
  return stdout
}

async function readiness(app: StartedProject): Promise<Record<string, { status: string; version?: string }>> {
  const { services } = (await (await app.fetch('/health/ready')).json()) as {
    services: Awaited<ReturnType<typeof readiness>>
  }
  return services
}

/** Waits for what a change of files brings about; a test that waits for ever is ended by its limit. */
async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await delay(100)
}

/** ONNX Runtime computes in float32, scikit-learn in float64. */
function assertClose(actual: readonly Probabilities[], expected: readonly Probabilities[]): void {
  assert.equal(actual.length, expected.length)
  for (const [index, { no, yes }] of expected.entries()) {
    assert.ok(
      Math.abs((actual[index]?.no ?? Number.NaN) - no) < 1e-4,
      `${JSON.stringify(actual)} for ${JSON.stringify(expected)}`,
    )
    assert.ok(Math.abs((actual[index]?.yes ?? Number.NaN) - yes) < 1e-4, JSON.stringify(actual))
  }
}
