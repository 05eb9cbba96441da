import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { cp, readFile, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { run, works } from '../clients/tools.ts'
import { startStorage } from '../support/azurite-storage.ts'
import { startManagedIdentity } from '../support/managed-identity.ts'
import { greyPng } from '../support/png-writer.ts'
import { pythonWith } from '../support/python.ts'
import { copyOfApp, runProject } from '../support/running-app.ts'
import { Authority, audience, claimsOf, SigningKey, tenantId } from '../support/token-issuer.ts'

const cleanUps: (() => unknown)[] = []
const cleaner = { onTestFinished: (cleanUp: unknown) => void cleanUps.push(cleanUp as () => unknown) } as never

const signingKey = new SigningKey('first')

const page = readFileSync('examples/README.md', 'utf8')

/** What examples/README.md says that a program prints. */
function shown(program: string): string {
  const command = page.indexOf(`node examples/${program}`)
  assert.ok(command > 0, `${program} is not on the page`)
  const start = page.indexOf('\n', command) + 1
  return page.slice(start, page.indexOf('```', start))
}

/** The programs in examples/, as a user runs them, with the package as it is built. */
describe('examples/', () => {
  let root: string
  let set: string[]
  beforeAll(async () => {
    const storage = await startStorage(cleaner)
    root = await copyOfApp(cleaner)
    for (const name of ['diabetes', 'digits'])
      await cp(`models/${name}`, join(root, 'models', name), { recursive: true })
    const authority = await new Authority(signingKey).start(cleaner)
    const identity = await startManagedIdentity(cleaner, () => {
      const claims = claimsOf(authority.url, Date.now())
      return { token: signingKey.sign(claims), expiresOn: claims.exp as number }
    })
    const app = await runProject(cleaner, root, {
      AzureWebJobsStorage: storage,
      AZURE_AUTHORITY_HOST: authority.url,
      SCORING_HOST_QUEUE_MAX_POLLING_MS: '100',
    })
    const environment = {
      SCORING_URL: app.url,
      AzureWebJobsStorage: storage,
      PYTHONPATH: resolve('clients/python'),
      TENANT_ID: tenantId,
      AUDIENCE: audience,
      ...identity,
    }
    set = Object.entries(environment).map(([name, value]) => `${name}=${value}`)
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
    const output = await runExample(process.execPath, 'examples/tutorial/tutorial.ts')
    assert.equal(output, shown('tutorial/tutorial.ts'))
    const found = await pythonWith('clients/python/tests/requirements.txt')
    if ('missing' in found) return test.skip(found.missing)
    const inPython = output // the third version; a list as Python prints it, and a service of its own
      .replace('model 1', 'model 3')
      .replaceAll(/\[ (.*) \]/g, '[$1]')
      .replace('tutorial Healthy', 'tutorial-py Healthy')
    assert.equal(await runExample(found.python, 'examples/tutorial/tutorial.py'), inPython)
  })

  it('nightly-batch: a file with a bad row', async () => {
    const { data } = JSON.parse(await readFile('models/diabetes/sample.json', 'utf8')) as { data: number[][] }
    const header = 'age,sex,bmi,bp,s1,s2,s3,s4,s5,s6'
    const rows = [header, ...data.map(row => row.join(',')), 'x,0,0,0,0,0,0,0,0,0']
    await writeFile(join(root, 'patients.csv'), rows.join('\n'))
    const first = await runExample(process.execPath, 'examples/nightly-batch/nightly.ts', 'patients.csv')
    assert.equal(first, shown('nightly-batch/nightly.ts')) // the mean of 217.68 and 224.79
    assert.equal(await runExample(process.execPath, 'examples/nightly-batch/nightly.ts', 'patients.csv'), first)
  })

  it('images: a picture of a digit', async test => {
    if (!(await works(process.execPath, '-e', "require('sharp')"))) return test.skip('sharp is not installed')
    const { data } = JSON.parse(await readFile('models/digits/sample.json', 'utf8')) as { data: number[][][] }
    const rows = data[0]?.map(row => row.map(ink => Math.round((ink * 255) / 16))) ?? [] // a 7
    await writeFile(join(root, 'seven.png'), greyPng(rows))
    const output = await runExample(process.execPath, 'examples/images/classify.ts', 'seven.png')
    assert.equal(output, shown('images/classify.ts'))
  })

  it.each([
    // The first row of Azure Machine Learning's example, before scikit-learn scaled it: 217.68.
    ['a pipeline: laboratory values in, words out', 'pipeline/pipeline.ts'],
    // A 7 and a 6, as scikit-learn says in test/fixtures/encrypted/held-out-digits.json.
    ['encrypted scoring', 'encrypted/classify.ts'],
    ['tokens of Entra ID', 'token/token.ts'],
    ['two deployments', 'shadow-traffic/shadow.ts'],
  ])('%s', async (_what, program) => {
    assert.equal(await runExample(process.execPath, `examples/${program}`), shown(program))
  })
})
