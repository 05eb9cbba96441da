import assert from 'node:assert/strict'
import { cp, readFile, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { run, works } from '../clients/tools.ts'
import { startStorage } from '../support/azurite-storage.ts'
import { greyPng } from '../support/png-writer.ts'
import { pythonWith } from '../support/python.ts'
import { copyOfApp, runProject } from '../support/running-app.ts'

const cleanUps: (() => unknown)[] = []
const cleaner = { onTestFinished: (cleanUp: unknown) => void cleanUps.push(cleanUp as () => unknown) } as never

/** The programs in examples/, as a user runs them, with the package as it is built. */
describe('examples/', () => {
  let root: string
  let set: string[]
  beforeAll(async () => {
    const storage = await startStorage(cleaner)
    root = await copyOfApp(cleaner)
    for (const name of ['diabetes', 'digits'])
      await cp(`models/${name}`, join(root, 'models', name), { recursive: true })
    const app = await runProject(cleaner, root, {
      AzureWebJobsStorage: storage,
      SCORING_HOST_QUEUE_MAX_POLLING_MS: '100',
    })
    set = [`SCORING_URL=${app.url}`, `AzureWebJobsStorage=${storage}`, `PYTHONPATH=${resolve('clients/python')}`]
  })
  afterAll(async () => {
    for (const cleanUp of cleanUps.reverse()) await cleanUp()
  })

  const runExample = async (program: string, path: string, ...args: string[]) => {
    const { code, stdout, stderr } = await run(
      'sh',
      '-c',
      'cd "$0" && exec env "$@"',
      root,
      ...set,
      program,
      resolve(path),
      ...args,
    )
    assert.equal(code, 0, stderr)
    return stdout
  }

  it('tutorial: the lines of Azure Machine Learning, in TypeScript and Python', async test => {
    const score = '\\[ ?217\\.67978776218715, 224\\.78937091757172 ?\\]' // as Azure Machine Learning publishes them
    const lines = (service: string) =>
      new RegExp(`^sklearn-regression-model \\d\\nHealthy\\n${score}\\na new key\\n${score}\\n${service} Healthy\\n$`)
    assert.match(await runExample(process.execPath, 'examples/tutorial/tutorial.ts'), lines('tutorial'))
    const found = await pythonWith('clients/python/tests/requirements.txt')
    if ('missing' in found) return test.skip(found.missing)
    assert.match(await runExample(found.python, 'examples/tutorial/tutorial.py'), lines('tutorial-py'))
  })

  it('nightly-batch: a file with a bad row', async () => {
    const { data } = JSON.parse(await readFile('models/diabetes/sample.json', 'utf8')) as { data: number[][] }
    const file = join(root, 'patients.csv')
    const header = 'age,sex,bmi,bp,s1,s2,s3,s4,s5,s6'
    await writeFile(file, [header, ...data.map(row => row.join(',')), 'x,0,0,0,0,0,0,0,0,0'].join('\n'))
    const first = await runExample(process.execPath, 'examples/nightly-batch/nightly.ts', file)
    assert.match(first, /^2 rows scored, 1 failed\nrow 2: .* \(ROW_\w+\)\nmean 221\.2\n$/) // of 217.68 and 224.79
    assert.equal(await runExample(process.execPath, 'examples/nightly-batch/nightly.ts', file), first)
  })

  it('shadow-traffic: two deployments', async () => {
    const output = await runExample(process.execPath, 'examples/shadow-traffic/shadow.ts')
    assert.match(output, /^blue (\[ \d+\.\d+ \])\ngreen \1\n\[ 'green 100%' \]\n$/)
  })

  it('images: a picture of a digit', async test => {
    if (!(await works(process.execPath, '-e', "require('sharp')"))) return test.skip('sharp is not installed')
    const { data } = JSON.parse(await readFile('models/digits/sample.json', 'utf8')) as { data: number[][] }
    const pixels = data[0]!.flat()
    const rows = Array.from({ length: 8 }, (_, row) => pixels.slice(row * 8, row * 8 + 8).map(ink => 255 - ink * 15))
    const file = join(root, 'digit.png')
    await writeFile(file, greyPng(rows))
    const output = await runExample(process.execPath, 'examples/images/classify.ts', file)
    assert.match(output, /^digit\.png is a \d, with probability [01]\.\d\d\n$/)
  })
})
