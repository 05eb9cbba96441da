/** `scoring package`: makes the package, says what is in it, and fails where it is too large. */
import { statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { type MadePackage, makePackage } from '../../packaging/make-package.ts'
import { type Architecture, linux } from '../../packaging/target.ts'
import { posixPath } from '../posix-path.ts'
import { openProject, type ProjectOptions } from '../project.ts'
import { openTerminal } from '../terminal.ts'
import { UsageError } from '../usage-error.ts'
import { describeMegabytes, formatContents, maxBytes } from './package-report.ts'

export interface PackageOptions extends ProjectOptions {
  /** Default: `out/app.zip` of the project. */
  readonly out?: string
  readonly arch: Architecture
  readonly images?: boolean
  /** Bytes; default: that of apps with or without images. */
  readonly limit?: number
  readonly verbose?: boolean
  readonly json?: boolean
}

/** @returns whether it is small enough */
export async function packageProject({
  out,
  arch,
  images,
  limit,
  verbose,
  json,
  ...where
}: PackageOptions): Promise<boolean> {
  const project = openProject(where)
  const file = resolve(out ?? resolve(project.root, 'out/app.zip'))
  if (statSync(file, { throwIfNoEntry: false })?.isDirectory())
    throw new UsageError(`--out: ${file} is a folder; name a file, such as ${join(file, 'app.zip')}`)
  const made = await makePackage({ project, file, target: linux(arch), images })
  const most = limit ?? (made.images ? maxBytes.withImages : maxBytes.withoutImages)
  if (json) console.log(JSON.stringify({ ...made, arch, limit: most }))
  else console.log(describePackage(made, { arch, verbose: verbose ?? false }))
  if (made.appBytes <= most) return true
  console.error(
    `error: the package is too large: Scoring Functions takes ${describeMegabytes(made.appBytes)} of it, and the limit is ${describeMegabytes(most)}; "npm ci" brings the packages that it was tested with, and --limit sets another limit`,
  )
  return false
}

function describePackage(made: MadePackage, { arch, verbose }: { arch: Architecture; verbose: boolean }): string {
  const { file, bytes, sha256, images, servicesPath } = made
  const notes = [
    `${posixPath(process.cwd(), file)}: ${describeMegabytes(bytes)} for linux-${arch}, ${images ? 'with' : 'without'} images`,
    `SHA-256 ${sha256}`,
  ]
  if (servicesPath !== 'models') notes.push(`The app needs the setting SCORING_MODELS=${servicesPath}.`)
  return [formatContents(made, openTerminal(), verbose), '', ...notes].join('\n')
}
