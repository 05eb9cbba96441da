import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { describe, it } from 'vitest'
import { Child } from '../host/host-child.ts'

const script = fileURLToPath(new URL('../../src/cli/scoring.ts', import.meta.url))

async function scoring(...args: string[]) {
  const child = new Child(script, args)
  return { code: await child.ended(), output: child.output }
}

describe('scoring', () => {
  it('lists its commands in --help', async () => {
    const { code, output } = await scoring('--help')
    assert.equal(code, 0)
    assert.match(output, /^Usage: scoring \[options\] \[command\]\n[\s\S]*\n {2}start .*\n[\s\S]*\n {2}optimize /)
  })

  it.for(['start', 'optimize'])('shows the options and examples of %s', async command => {
    const { code, output } = await scoring(command, '--help')
    assert.equal(code, 0)
    assert.match(
      output,
      new RegExp(`^Usage: scoring ${command} [\\s\\S]*--models <folder>[\\s\\S]*\\nExamples:\\n {2}scoring ${command}`),
    )
    assert.deepEqual(await scoring('help', command), { code, output })
  })

  it('shows its version', async () => {
    const { version } = JSON.parse(await readFile('package.json', 'utf8'))
    assert.deepEqual(await scoring('--version'), { code: 0, output: `${version}\n` })
    assert.deepEqual(await scoring('-v'), { code: 0, output: `${version}\n` })
  })

  it('answers an unknown command with one line, the nearest one, and exit code 2', async () => {
    const { code, output } = await scoring('strat')
    assert.equal(code, 2)
    assert.match(output, /^error: unknown command 'strat'\n\(Did you mean start\?\)\n\(see --help\)\n$/)
  })

  it('says where it looked for a project', async () => {
    const child = new Child(script, ['optimize'], {}, '/')
    assert.equal(await child.ended(), 2)
    assert.match(
      child.output,
      /^error: there is no Functions project here: neither \/ nor a folder above it has a host\.json\./,
    )
  })

  it('is what npm start runs', async () => {
    const { scripts } = JSON.parse(await readFile('package.json', 'utf8'))
    assert.equal(scripts.start, 'node dist/scoring.mjs start')
  })
})
