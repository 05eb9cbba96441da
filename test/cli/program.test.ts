import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { stripVTControlCharacters } from 'node:util'
import type { Command } from 'commander'
import { describe, it } from 'vitest'
import { createProgram } from '../../src/cli/program.ts'
import { Child } from '../host/host-child.ts'

const script = fileURLToPath(new URL('../../dist/scoring.mjs', import.meta.url))

async function scoring(...args: string[]) {
  const child = new Child(script, args)
  return { code: await child.ended(), output: child.output }
}

/** All names of commands that `--help` lists. */
const program = createProgram()
const listed = program.createHelp().visibleCommands(program)
const commandNames = listed.map(command => command.name()).filter(name => name !== 'help')
/** The same with those of `keys` and the like: `keys show`. */
const commandPaths = listed
  .filter(command => command.name() !== 'help')
  .flatMap(command => [command.name(), ...command.commands.map(each => `${command.name()} ${each.name()}`)])

/** The help of a command in a terminal of this width. */
function showHelp(path: string, width: number): string {
  let command: Command | undefined = createProgram()
  for (const name of path.split(' ')) command = command?.commands.find(each => each.name() === name)
  let text = ''
  command
    ?.configureOutput({
      writeOut: part => {
        text += part
      },
      getOutHelpWidth: () => width,
      getOutHasColors: () => false,
    })
    .outputHelp()
  return text
}

describe('scoring', () => {
  it('lists its commands in --help, and says what exit codes mean', async () => {
    const { code, output } = await scoring('--help')
    assert.equal(code, 0)
    assert.match(output, /^Usage: scoring <command> \[options\]\n[\s\S]*\nExit codes: 0 success; 1 .*; 2 /)
    for (const name of commandNames) assert.match(output, new RegExp(`^ {2}${name}\\b`, 'm'))
    assert.deepEqual(
      output.split('\n').filter(line => line.length > 80),
      [],
    )
  })

  it.each(commandPaths)('shows the options and examples of %s, which fit the terminal', name => {
    for (const width of [80, 120]) {
      const help = showHelp(name, width)
      assert.match(
        help,
        new RegExp(`^Usage: scoring ${name} [\\s\\S]*--help[\\s\\S]*\\nExamples:\\n {2}.*npx scoring ${name}\\b`),
      )
      assert.deepEqual(
        help.split('\n').filter(line => line.length > width),
        [],
      )
    }
  })

  it('shows the help of a command with --help, and as help of it', async () => {
    const help = { code: 0, output: showHelp('start', 80) }
    assert.deepEqual(await scoring('start', '--help'), help)
    assert.deepEqual(await scoring('help', 'start'), help)
    assert.deepEqual(await scoring('help', 'keys', 'show'), await scoring('keys', 'show', '--help'))
    assert.deepEqual(await scoring('help'), await scoring('--help'))
  })

  it.each(commandNames)('has a section about %s in the guide', async name => {
    assert.match(await readFile('guide/cli.md', 'utf8'), new RegExp(`^## scoring ${name}( |$)`, 'm'))
  })

  it('shows its version', async () => {
    const { version } = JSON.parse(await readFile('package.json', 'utf8'))
    assert.deepEqual(await scoring('--version'), { code: 0, output: `${version}\n` })
    assert.deepEqual(await scoring('-v'), { code: 0, output: `${version}\n` })
  })

  it.each([
    [['strat'], `error: unknown command 'strat'; did you mean start? See "npx scoring --help"\n`],
    [['help', 'strat'], `error: unknown command 'strat'. See "npx scoring --help"\n`],
    [['start', '--prot', '1'], `error: unknown option '--prot'; did you mean --port? See "npx scoring start --help"\n`],
    [
      ['deploy', 'churn', '--deployment', 'green', '--model', 'churn:2', '--timeout-ms', '500'],
      'error: --deployment adds models alone; leave out --timeout-ms, which belongs to the whole service\n',
    ],
    [['start', '--port'], `error: option '-p, --port <number>' argument missing. See "npx scoring start --help"\n`],
  ])('answers %j with one line and exit code 2', async (args, output) => {
    assert.deepEqual(await scoring(...args), { code: 2, output })
  })

  it('shows a stack trace only with --debug, before or after the command', async () => {
    const args = ['start', '--port', '70000']
    const plain = await scoring(...args)
    assert.match(plain.output, /^error: --port .*\n$/)
    for (const debugged of [await scoring('--debug', ...args), await scoring(...args, '--debug')]) {
      assert.equal(debugged.code, 2)
      assert.ok(debugged.output.startsWith(plain.output))
      assert.match(debugged.output, /\n {4}at /)
    }
  })

  it('has colours where FORCE_COLOR asks for them, and none in a pipe or with NO_COLOR', async () => {
    const help = async (environment: NodeJS.ProcessEnv) => {
      const child = new Child(script, ['--help'], environment)
      await child.ended()
      return child.output
    }
    const coloured = await help({ FORCE_COLOR: '1' })
    assert.ok(coloured.startsWith('\u001b[1mUsage:\u001b[22m '))
    const plain = await help({})
    assert.equal(stripVTControlCharacters(coloured), plain)
    assert.equal(await help({ NO_COLOR: '1' }), plain)
  })

  it('says in one line what the operating system refuses', async test => {
    const folder = await mkdtemp(join(tmpdir(), 'program-'))
    test.onTestFinished(() => rm(folder, { recursive: true, maxRetries: 9 }))
    await writeFile(join(folder, 'file'), '')
    const path = join(folder, 'file', 'project')
    assert.deepEqual(await scoring('init', path), {
      code: 1,
      output: `error: ${path} cannot be used: a part of the path is no folder (ENOTDIR, mkdir)\n`,
    })
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
    assert.equal(scripts.start, 'npm run -s build && node dist/scoring.mjs start')
  })

  it.runIf(process.platform === 'linux')('fails where what it prints does not arrive', async () => {
    const full = openSync('/dev/full', 'w')
    const { status, stderr } = spawnSync(process.execPath, [script, '--version'], { stdio: ['ignore', full, 'pipe'] })
    closeSync(full)
    assert.deepEqual([status, String(stderr)], [1, 'error: a file cannot be used: the disk is full (ENOSPC, write)\n'])
  })
})
