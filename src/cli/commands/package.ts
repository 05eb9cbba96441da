import { Command, Option } from 'commander'
import { architectures } from '../../packaging/target.ts'
import { exitCode } from '../exit-code.ts'
import { describeExamples } from '../help-style.ts'
import type { PackageOptions } from '../package/package-project.ts'
import { addProjectOptions } from '../project.ts'
import { UsageError } from '../usage-error.ts'

export function packageCommand(): Command {
  return addProjectOptions(new Command('package'))
    .summary('make the zip file to deploy')
    .description(
      'Make the zip file that is deployed to Azure, with what runs there and nothing else. The same files make the same bytes. It lists what is in the package by size, and fails where it is too large.',
    )
    .option('-o, --out <file>', 'zip file to write (default: out/app.zip of the project)')
    .addOption(new Option('--arch <name>', 'processor in Azure').choices(architectures).default('x64'))
    .option('--images', 'with sharp, which decodes images (default: if a file of the project mentions decodeImage)')
    .option('--no-images', 'without sharp')
    .option(
      '--limit <MB>',
      'MB that Scoring Functions may take in it (default: 27 with images, 19.5 without)',
      readLimit,
    )
    .option('--verbose', 'list every file')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      describeExamples([
        ['scoring package', 'out/app.zip'],
        ['scoring package --arch arm64 --out out/arm64.zip', 'for another processor'],
        ['scoring package --verbose', 'why is it so large?'],
      ]),
    )
    .action(async ({ images, ...options }: PackageOptions) => {
      const { packageProject } = await import('../package/package-project.ts')
      const isSmall = await packageProject({ ...options, ...(images === undefined ? {} : { images }) })
      process.exitCode = isSmall ? exitCode.ok : exitCode.failed
    })
}

function readLimit(text: string): number {
  const megabytes = Number(text)
  if (!(megabytes > 0)) throw new UsageError(`--limit is "${text}", and must be a number of MB above 0`)
  return megabytes * 1_000_000
}
