import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { describe, it } from 'vitest'

const module = new URL('../../src/host/held-output.ts', import.meta.url)

/** Runs a script that has `holdOutput` and `releaseOutput`, and returns what it printed. */
async function run(script: string): Promise<{ stdout: string; stderr: string }> {
  const code = `import { holdOutput, releaseOutput } from '${module}'\n${script}`
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['ignore', 'pipe', 'pipe'] })
  const output = Promise.all([text(child.stdout), text(child.stderr)])
  await once(child, 'close')
  const [stdout, stderr] = await output
  return { stdout, stderr }
}

describe('holdOutput', () => {
  it('keeps lines until they are released, without those that are left out', async () => {
    const script = `
      holdOutput()
      console.log('[a] ready after 5 ms')
      console.log('[a] a note\\n[b] ready after 6 ms')
      console.error('a problem')
      await new Promise(resolve => process.stdout.write('written', resolve))
      releaseOutput(['[a] ready', '[b] ready'])
      console.log(' and what comes later: [a] ready')`
    assert.deepEqual(await run(script), {
      stdout: '[a] a note\nwritten and what comes later: [a] ready\n',
      stderr: 'a problem\n',
    })
  })

  it('loses nothing when the process ends before the release', async () => {
    assert.deepEqual(await run(`holdOutput(); console.log('last words'); process.exit(3)`), {
      stdout: 'last words\n',
      stderr: '',
    })
  })

  it('releases by itself what is very much', async () => {
    const script = `
      holdOutput()
      for (let i = 0; i < 11; i++) console.log('x'.repeat(100_000))
      process.stdout.write('', () => process.kill(process.pid, 'SIGKILL'))`
    assert.ok((await run(script)).stdout.length > 1_000_000)
  })
})
