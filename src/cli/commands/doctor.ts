import { Command } from 'commander'
import type { DoctorOptions } from '../doctor/doctor.ts'
import { exitCode } from '../exit-code.ts'
import { describeExamples } from '../help-style.ts'
import { addProjectOptions } from '../project.ts'

export function doctorCommand(): Command {
  return addProjectOptions(new Command('doctor'))
    .summary('check this machine and the project')
    .description(
      'Check this machine and the project: Node.js, native packages, ports, settings, services, keys. Nothing is changed. A problem comes with what to do.',
    )
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      describeExamples([
        ['scoring doctor', 'what is wrong here?'],
        ['scoring doctor --json', 'for a bug report'],
      ]),
    )
    .action(async (options: DoctorOptions) => {
      const { runDoctor } = await import('../doctor/doctor.ts')
      process.exitCode = (await runDoctor(options)) ? exitCode.ok : exitCode.failed
    })
}
