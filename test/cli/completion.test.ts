import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, it, type TestContext } from 'vitest'
import { complete } from '../../src/cli/completion/complete.ts'
import { completionScripts, type Shell } from '../../src/cli/completion/scripts.ts'
import { createProgram } from '../../src/cli/program.ts'
import { makeServices } from '../support/service-folder.ts'

const run = promisify(execFile)
const cli = fileURLToPath(new URL('../../dist/scoring.mjs', import.meta.url))

const makeModels = (test: TestContext) => makeServices({ 'churn/service.json': {}, 'claims/service.json': {} }, test)

async function values(...words: string[]): Promise<string[]> {
  return (await complete(createProgram(), words)).map(({ value }) => value)
}

describe('complete', () => {
  it.each([
    [['opt'], ['optimize']],
    [['help', 'opt'], ['optimize']],
    [
      ['keys', ''],
      ['show', 'regenerate'],
    ],
    [['start', '--no'], ['--no-watch']],
    [['start', '--deb'], ['--debug']],
    [['completion', 'po'], ['powershell']],
    [
      ['keys', 'show', '--key', ''],
      ['primary', 'secondary'],
    ],
    [['keys', 'show', '--key', '=', 'p'], ['primary']],
    [['start', '--port', ''], []],
    [['--'], ['--version', '--debug', '--help']],
  ])('of %j is %j', async (words, expected) => {
    assert.deepEqual(await values(...words), expected)
  })

  it('has the names of services for each argument that is one, in the folder that the options name', async test => {
    const models = await makeModels(test)
    assert.deepEqual(await values('keys', 'show', '--models', models, 'ch'), ['churn'])
    assert.deepEqual(await values('optimize', 'churn', '--models', models, ''), ['churn', 'claims'])
    assert.deepEqual(await values('keys', 'show', 'churn', '--models', models, ''), [])
  })
})

/** How a shell completes `scoring <words>`, with the script loaded. */
const drivers: Record<Exclude<Shell, 'powershell'>, (script: string, words: string[]) => string> = {
  bash: (script, words) => `
    source ${script}
    COMP_WORDS=(scoring ${words.map(quote).join(' ')}) COMP_CWORD=${words.length}
    _scoring
    printf '%s\\n' "\${COMPREPLY[@]}"`,
  zsh: (script, words) => `
    compdef() { }
    _describe() { print -l -- "\${(@P)2%%:*}" }
    source ${script}
    words=(scoring ${words.map(quote).join(' ')}) CURRENT=${words.length + 1}
    _scoring`,
  fish: (script, words) => `
    source ${script}
    complete -C ${quote(`scoring ${words.join(' ')}`)} | string replace -r '\\t.*' ''; true`,
}

const quote = (word: string) => `'${word}'`

describe('scoring completion', () => {
  it.for(['bash', 'zsh', 'fish'] as const)('works in %s: options, names of services', async (shell, test) => {
    if (!(await run(shell, ['-c', 'true']).catch(() => undefined))) return test.skip(`${shell} is not installed`)
    const folder = await mkdtemp(join(tmpdir(), 'completion-'))
    test.onTestFinished(() => rm(folder, { recursive: true, maxRetries: 9 }))
    const script = join(folder, 'completion')
    await writeFile(script, completionScripts[shell])
    const program = `#!/bin/sh\nexec "${process.execPath}" "${cli}" "$@"\n`
    await writeFile(join(folder, 'scoring'), program, { mode: 0o755 })
    const environment = { PATH: `${folder}:${process.env.PATH}`, HOME: folder, SCORING_MODELS: await makeModels(test) }
    const completeIn = async (...words: string[]) => {
      const { stdout } = await run(shell, ['-c', drivers[shell](script, words)], { env: environment, cwd: 'models' })
      return stdout.trim().split('\n').sort()
    }
    assert.deepEqual(await completeIn('start', '--ver'), ['--verbose'])
    assert.deepEqual(await completeIn('keys', 'show', ''), ['churn', 'claims'])
  })

  it('prints the script of a shell', async () => {
    const { stdout } = await run(process.execPath, [cli, 'completion', 'powershell'])
    assert.equal(stdout, completionScripts.powershell)
    assert.match(stdout, /^Register-ArgumentCompleter -Native -CommandName scoring /m)
  })
})
