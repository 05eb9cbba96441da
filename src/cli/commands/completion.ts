import { Argument, Command } from 'commander'
import type { Shell } from '../completion/scripts.ts'
import { describeExamples } from '../help-style.ts'

export function completionCommand(): Command {
  return new Command('completion')
    .summary('print a script that completes commands in a shell')
    .description(
      'Print a script that makes a shell complete commands, options and names of services. It completes "scoring", so in a shell where only npx finds the command, add: alias scoring="npx scoring".',
    )
    .addArgument(new Argument('<shell>', 'the shell').choices(['bash', 'zsh', 'fish', 'powershell'] satisfies Shell[]))
    .addHelpText(
      'after',
      describeExamples([
        ['source <(npx scoring completion bash)', 'in ~/.bashrc'],
        ['source <(npx scoring completion zsh)', 'in ~/.zshrc'],
        ['npx scoring completion fish | source', 'in config.fish'],
      ]),
    )
    .action(async (shell: Shell) => {
      const { completionScripts } = await import('../completion/scripts.ts')
      process.stdout.write(completionScripts[shell])
    })
}

/** What the scripts of `completion` ask. */
export function completeCommand(program: Command): Command {
  return new Command('__complete')
    .argument('[words...]')
    .option('--new-word')
    .helpOption(false)
    .action(async (words: string[], { newWord }: { newWord?: boolean }) => {
      const { complete } = await import('../completion/complete.ts')
      // A shell has no place for an error here.
      const candidates = await complete(program, newWord ? [...words, ''] : words).catch(() => [])
      const lines = candidates.map(({ value, description }) => `${value}\t${description}`.trimEnd())
      if (lines.length > 0) console.log(lines.join('\n'))
    })
}
