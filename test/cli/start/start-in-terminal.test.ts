import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { stripVTControlCharacters } from 'node:util'
import { describe, it, type TestContext } from 'vitest'
import { works } from '../../clients/tools.ts'
import { send } from '../../host/host-child.ts'
import { identityModel } from '../../support/onnx-writer.ts'
import { copyOfApp } from '../../support/running-app.ts'
import { makeServices } from '../../support/service-folder.ts'
import { skipFor } from '../../support/skip-for.ts'

const cli = fileURLToPath(new URL('../../../dist/scoring.mjs', import.meta.url))
const terminal = fileURLToPath(new URL('../../support/terminal.py', import.meta.url))
const noPython = !(await works('python3', '-c', 'import pty')) && 'python3 is not installed'
/** An account that does not respond, so that no Azurite is started. */
const deadStorage =
  'DefaultEndpointsProtocol=http;AccountName=none;AccountKey=bm9uZQ==;BlobEndpoint=http://127.0.0.1:9/none;QueueEndpoint=http://127.0.0.1:9/none;'
/** npm writes two lines about the script that it runs, with an empty one before and after. */
const linesOfNpm = 4

/** Starts the services in a terminal of 80 columns. */
async function startInTerminal(test: TestContext, models: string) {
  const root = await copyOfApp(test)
  await writeFile(join(root, 'local.settings.json'), JSON.stringify({ Values: { AzureWebJobsStorage: deadStorage } }))
  const args = ['start', '--app', root, '--models', models, '--port', '0']
  const { PATH, HOME } = process.env
  const child = spawn('python3', [terminal, '80', process.execPath, cli, ...args], {
    env: { PATH, HOME, TERM: 'xterm' },
  })
  test.onTestFinished(() => void child.kill('SIGKILL'))
  let shown = ''
  child.stdout.setEncoding('utf8').on('data', text => {
    shown += text
    child.emit('shown')
  })
  const see = async (pattern: RegExp): Promise<string> => {
    for (;;) {
      const text = stripVTControlCharacters(shown).replaceAll('\r\n', '\n').replaceAll(/^.*\r/gm, '') // what the rest of the line has replaced
      if (pattern.test(text)) return text
      if (child.exitCode !== null) throw new Error(`ended with ${child.exitCode} before ${pattern}:\n${text}`)
      await once(child, 'shown')
    }
  }
  return { child, see }
}

describe('scoring start in a terminal', () => {
  it('shows three services on one screen, then what the log has more, and ends when the terminal is closed', {
    ...skipFor(noPython),
  }, async test => {
    const definition = { batching: { maxDelay: 1 }, limits: { maxQueue: 1 }, extras: 'a key that does not exist' }
    const models = await makeServices(
      {
        'alpha/service.json': {},
        'alpha/1/model.onnx': identityModel('float32'),
        'beta/service.json': {},
        'beta/1/model.onnx': identityModel('float32'),
        'broken/service.json': definition,
        'broken/1/model.onnx': identityModel('float32'),
      },
      test,
    )
    const { child, see } = await startInTerminal(test, models)
    const text = await see(/\[broken\] not available: .*\n/)
    const [screen = ''] = text.split('[broken] not available')
    const rows = screen.split('\n').map(line => Math.max(1, Math.ceil(line.length / 80)))
    assert.ok(rows.reduce((sum, each) => sum + each, linesOfNpm) <= 24, screen)
    assert.match(screen, /^ {2}broken +failed {2}broken\/service\.json: .*…$/m)
    assert.match(screen, /^ {2}alpha +v1 +ready +http:\S+\/alpha\/docs\n +key sfkey_\S+$/m)
    assert.match(screen, /^curl \S+\/score \\\n/m)
    assert.doesNotMatch(text, /\[alpha\] ready/)

    await writeFile(join(models, 'broken/service.json'), '{}')
    await see(/^\[broken\] .*ready after \d+ ms/m)

    const port = Number(/http:\/\/localhost:(\d+)/.exec(screen)?.[1])
    assert.equal((await send({ port }, '/health/live')).status, 200)
    child.kill('SIGKILL')
    for (let isAlive = true; isAlive; ) {
      await new Promise(resolve => setTimeout(resolve, 20))
      isAlive = await send({ port }, '/health/live').then(
        () => true,
        () => false,
      )
    }
  })
})
