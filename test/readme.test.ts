import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { promisify } from 'node:util'
import { describe, it } from 'vitest'

const run = promisify(execFile)
const hasCurl = await run('curl', ['--version']).then(
  () => true,
  () => false,
)

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  return port
}

describe('the README', () => {
  it('promises what npm start does: its curl command, pasted, scores, and diabetes returns the published scores', async test => {
    if (!hasCurl) return test.skip('curl is not installed')
    const readme = await readFile('README.md', 'utf8')
    assert.match(readme, /^npm ci && npm start/m)
    const [published] = /^\[217\..*\]$/m.exec(readme) ?? []

    const child = spawn('npm', ['start', '--', '--port', String(await freePort())], { detached: true })
    const ended = once(child, 'exit')
    test.onTestFinished(async () => {
      // npm, the shell, the supervisor: the whole group, as Ctrl-C does.
      if (child.exitCode === null && child.signalCode === null) process.kill(-(child.pid as number), 'SIGINT')
      await ended
    })
    let output = ''
    const command = await new Promise<string>((found, failed) => {
      child.stdout.on('data', text => {
        output += text
        const [lines] = /^curl [\s\S]*}'$/m.exec(output) ?? []
        if (lines) found(lines)
      })
      child.stderr.on('data', text => (output += text))
      child.on('exit', code => failed(new Error(`npm start ended with ${code}:\n${output}`)))
    })
    const { labels } = JSON.parse((await run('sh', ['-c', `${command} --silent`])).stdout)
    assert.match(readme, /^The answer is `\{"labels": \["setosa", "virginica"\], /m)
    assert.deepEqual(labels, ['setosa', 'virginica'])

    const [, key = ''] = /diabetes +v1 .*\n +key (\S+)$/m.exec(output) ?? []
    const [page = ''] = /http\S+\/diabetes\/docs$/m.exec(output) ?? []
    assert.match(await (await fetch(page)).text(), /<title>diabetes/)
    assert.match(readme, /`-d @models\/diabetes\/sample\.json`/)
    const answer = await fetch(page.replace(/docs$/, 'score'), {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: await readFile('models/diabetes/sample.json'),
    })
    assert.equal(await answer.text(), published)
    assert.equal(published, '[217.67978776218715, 224.78937091757172]')
    process.kill(-(child.pid as number), 'SIGINT')
    await ended
    await assert.rejects(fetch(page)) // nothing is left running
  })
})
