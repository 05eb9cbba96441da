import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, it, type TestContext } from 'vitest'
import { fixtureApp, send } from '../../host/host-child.ts'
import { skipFor } from '../../support/skip-for.ts'

const cli = fileURLToPath(new URL('../../../dist/scoring.mjs', import.meta.url))
const noSignals = process.platform === 'win32' && 'Windows has no signals'

interface Server {
  readonly port: number
  /** undefined: the host has no storage of its own */
  readonly storagePort: number | undefined
}

/** Runs `npm start` in a project, which starts the command, which starts the host and Azurite. */
async function npmStart(test: TestContext, storage: string) {
  const project = await mkdtemp(join(tmpdir(), 'npm-start-'))
  const start = `"${process.execPath}" "${cli}" start --app "${fixtureApp('plain')}" --port 0`
  await writeFile(join(project, 'package.json'), JSON.stringify({ name: 'project', scripts: { start } }))
  const environment = { ...process.env, AzureWebJobsStorage: storage }
  const npm = spawn('npm', ['start'], { cwd: project, env: environment, stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = once(npm, 'exit')
  const closed = once(npm, 'close') // nobody holds its pipes any more, so every process has ended
  test.onTestFinished(async () => {
    npm.kill('SIGKILL')
    await closed
    await rm(project, { recursive: true, maxRetries: 9 })
  })
  let output = ''
  npm.stderr.on('data', text => (output += text))
  for await (const text of npm.stdout) {
    output += text
    if (/http:\/\/localhost:\d+[\s\S]*a-timer/.test(output)) break
  }
  const port = Number(/http:\/\/localhost:(\d+)/.exec(output)?.[1])
  const connection = await send({ port }, '/api/environment?name=AzureWebJobsStorage')
  const [, storagePort] = /QueueEndpoint=http:\/\/127\.0\.0\.1:(\d+)/.exec(connection.body) ?? []
  return {
    npm,
    ended,
    closed,
    server: { port, storagePort: storagePort === undefined ? undefined : Number(storagePort) } satisfies Server,
  }
}

describe('watchNpm', () => {
  it.for<[signal: NodeJS.Signals, storage: string]>([
    ['SIGTERM', 'AccountName=none'],
    ['SIGHUP', 'AccountName=none'],
    ['SIGKILL', 'UseDevelopmentStorage=true'],
  ])('ends the host when npm ends by %s, with storage %s', skipFor(noSignals), async ([signal, storage], test) => {
    const { npm, ended, closed, server } = await npmStart(test, storage)
    npm.kill(signal)
    await ended
    await closed
    await assert.rejects(send({ port: server.port }, '/api/pid'))
    if (server.storagePort !== undefined) await assert.rejects(send({ port: server.storagePort }, '/'))
  })
})
