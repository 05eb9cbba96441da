/** Completes a command line: what may stand where the cursor is. */
import type { Argument, Command, Option } from 'commander'
import { FolderModelStore } from '../../adapters/local/folder-model-store.ts'
import { findModelsDir } from '../project.ts'

export interface Candidate {
  readonly value: string
  readonly description: string
}

/** What a command line means up to the word under the cursor. */
interface Position {
  readonly command: Command
  /** The argument that a word without dashes is. */
  readonly argument: Argument | undefined
  /** The option whose value the word is. */
  readonly option: Option | undefined
  /** Values of options so far, by long name. */
  readonly values: ReadonlyMap<string, string>
}

/**
 * Lists what may stand in place of the last word.
 *
 * @param words  after the name of the program; the last one is what was typed so far, or ''
 * @returns none where only the user knows, or files are meant
 */
export async function complete(program: Command, words: readonly string[]): Promise<Candidate[]> {
  // Bash makes three words of `--key=primary`.
  const typed = words.filter((word, index) => word !== '=' || index === words.length - 1)
  const last = typed.at(-1) ?? ''
  const position = findPosition(program, typed.slice(0, -1))
  const candidates = await listCandidates(program, position, last)
  return candidates.filter(({ value }) => value.startsWith(last === '=' ? '' : last))
}

function findPosition(program: Command, words: readonly string[]): Position {
  let command = program
  let option: Option | undefined
  let argumentCount = 0
  const values = new Map<string, string>()
  for (const word of words) {
    if (option) {
      values.set(option.long ?? '', word)
      option = undefined
    } else if (word.startsWith('-')) {
      const found = listOptions(command, program).find(({ long, short }) => word === long || word === short)
      option = found?.required ? found : undefined
    } else {
      const next = command.commands.find(each => each.name() === word)
      if (next) command = next
      else argumentCount++
    }
  }
  const all = command.registeredArguments
  const lastOne = all.at(-1)
  return { command, option, values, argument: all[argumentCount] ?? (lastOne?.variadic ? lastOne : undefined) }
}

async function listCandidates(program: Command, position: Position, last: string): Promise<Candidate[]> {
  const { command, argument, option, values } = position
  if (option) return describeAll(option.argChoices ?? [])
  if (last.startsWith('-')) {
    return listOptions(command, program).map(({ long, short, description }) => ({
      value: long ?? short ?? '',
      description,
    }))
  }
  const parent = argument?.name() === 'command' ? program : command
  const commands = parent.createHelp().visibleCommands(parent)
  if (commands.length > 0) {
    return commands.map(each => ({ value: each.name(), description: each.summary() || each.description() }))
  }
  if (argument?.argChoices) return describeAll(argument.argChoices)
  if (argument?.name() !== 'service') return []
  const models = findModelsDir({ app: values.get('--app'), models: values.get('--models') })
  return describeAll(await new FolderModelStore(models).listServices())
}

/** Those of the command, and those that any command takes. */
function listOptions(command: Command, program: Command): Option[] {
  const own = command.createHelp().visibleOptions(command)
  const shared = program.options.filter(({ long }) => long === '--debug')
  return command === program ? own : [...own, ...shared]
}

const describeAll = (values: readonly string[]): Candidate[] => values.map(value => ({ value, description: '' }))
