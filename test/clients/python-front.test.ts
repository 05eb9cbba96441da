import assert from 'node:assert/strict'
import { cp, mkdir, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { describe, it } from 'vitest'
import { noOpenssl } from '../host/certificates.ts'
import { startStorage } from '../support/azurite-storage.ts'
import { makeBlobProject } from '../support/blob-project.ts'
import { pythonWith } from '../support/python.ts'
import { copyOfApp, runProject } from '../support/running-app.ts'
import { skipFor } from '../support/skip-for.ts'
import { run } from './tools.ts'

const front = resolve('clients/python')
const requirements = join(front, 'tests/requirements.txt')
const tests = join(front, 'tests/test_tutorial.py')

const runTests = (python: string, environment: Record<string, string>, ...names: string[]) => {
  const set = Object.entries({ PYTHONPATH: `${front}:${join(front, 'tests')}`, ...environment })
  const assignments = set.map(([name, value]) => `${name}=${value}`)
  return run('env', ...assignments, python, '-m', 'unittest', '--verbose', ...(names.length > 0 ? names : [tests]))
}

describe('clients/python: the front for Python', () => {
  it('runs the programs of the tutorials against a folder and an app', async test => {
    const found = await pythonWith(requirements)
    if ('missing' in found) return test.skip(found.missing)
    const storage = await startStorage(test)
    const root = await copyOfApp(test)
    await cp('LICENSE', join(root, 'LICENSE')) // is packaged
    await mkdir(join(root, 'models')) // there is no service yet
    const scripts = join(root, 'scripts')
    await mkdir(scripts)
    await writeFile(
      join(scripts, 'score.ts'),
      "export const init = ({ loadModel }) => loadModel('another')\nexport const run = text => text\n",
    )
    const app = await runProject(test, root, { AzureWebJobsStorage: storage, SCORING_HOST_QUEUE_MAX_POLLING_MS: '100' })
    const { code, stdout, stderr } = await runTests(found.python, {
      SCORING_TEST_PROJECT: root,
      SCORING_TEST_URL: app.url,
      SCORING_TEST_SAMPLES: resolve('models'),
      SCORING_TEST_SCRIPTS: scripts,
    })
    assert.equal(code, 0, `${stdout}${stderr}${app.output()}`)
    assert.match(stderr, /Ran 16 tests/)
    assert.match(
      stdout,
      /cpu_cores, memory_gb: the app decides[^\n]*\n(py-diabetes: Transitioning[^\n]*\n)*py-diabetes: Healthy\n/,
    )
  })

  it(
    'runs the tutorial from the first line to the last with Blob storage and a vault',
    skipFor(noOpenssl),
    async test => {
      const found = await pythonWith(requirements)
      if ('missing' in found) return test.skip(found.missing)
      const { root, vault, settings } = await makeBlobProject(test)
      const app = await runProject(test, root, settings)
      const environment = {
        SCORING_TEST_PROJECT: root,
        SCORING_TEST_URL: app.url,
        SCORING_TEST_SAMPLES: resolve('models'),
        SCORING_TEST_VAULT_TOKEN: vault.token,
        KEY_VAULT_URL: vault.url,
        REQUESTS_CA_BUNDLE: vault.environment.SCORING_KEY_VAULT_TEST_CA as string,
      }
      const { code, stdout, stderr } = await runTests(
        found.python,
        environment,
        'test_tutorial.Tutorial.test_register_deploy_score_regenerate_update_list_delete',
      )
      assert.equal(code, 0, `${stdout}${stderr}${app.output()}`)
      assert.match(stderr, /Ran 1 test /)
      const keys = ['primary', 'secondary'].flatMap(type => vault.valuesOf(`py-diabetes-${type}-key`))
      assert.equal(keys.length, 4) // both, and a primary key that was made anew and one that was given
      for (const key of keys) assert.ok(!`${app.output()}${stdout}${stderr}`.includes(key))
    },
  )

  it('is typed', async test => {
    const found = await pythonWith(requirements)
    if ('missing' in found) return test.skip(found.missing)
    const { code, stdout } = await run(
      found.python,
      '-m',
      'mypy',
      '--cache-dir',
      'node_modules/.cache/mypy',
      '--config-file',
      join(front, 'pyproject.toml'),
      join(front, 'scoring_functions'),
    )
    assert.equal(code, 0, stdout)
  })
})
