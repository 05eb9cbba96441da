import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { describe, it } from 'vitest'
import { startStorage } from '../support/azurite-storage.ts'
import { pythonWith } from '../support/python.ts'
import { copyOfApp, runProject } from '../support/running-app.ts'
import { run } from './tools.ts'

const front = resolve('clients/python')
const requirements = join(front, 'tests/requirements.txt')

describe('clients/python: the front for Python', () => {
  it('runs the programs of the tutorials against a folder and an app', async test => {
    const found = await pythonWith(requirements)
    if ('missing' in found) return test.skip(found.missing)
    const storage = await startStorage(test)
    const root = await copyOfApp(test)
    await mkdir(join(root, 'models')) // there is no service yet
    const scripts = join(root, 'scripts')
    await mkdir(scripts)
    await writeFile(
      join(scripts, 'score.ts'),
      "export const init = ({ loadModel }) => loadModel('another')\nexport const run = text => text\n",
    )
    const app = await runProject(test, root, { AzureWebJobsStorage: storage, SCORING_HOST_QUEUE_MAX_POLLING_MS: '100' })
    const environment = {
      PYTHONPATH: front,
      SCORING_TEST_PROJECT: root,
      SCORING_TEST_URL: app.url,
      SCORING_TEST_SAMPLES: resolve('models'),
      SCORING_TEST_SCRIPTS: scripts,
    }
    const set = Object.entries(environment).map(([name, value]) => `${name}=${value}`)
    const tests = ['-m', 'unittest', '--verbose', join(front, 'tests/test_tutorial.py')]
    const { code, stdout, stderr } = await run('env', ...set, found.python, ...tests)
    assert.equal(code, 0, `${stdout}${stderr}${app.output()}`)
    assert.match(stderr, /Ran 9 tests/)
    assert.match(
      stdout,
      /cpu_cores, memory_gb: the app decides[^\n]*\n(py-diabetes: Transitioning[^\n]*\n)*py-diabetes: Healthy\n/,
    )
  })

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
