/** Processors that Azure has, as Node.js names them. */
export const architectures = ['x64', 'arm64'] as const
export type Architecture = (typeof architectures)[number]

/** Where the package runs: Azure's images for Node.js are Debian. */
export interface Target {
  readonly os: 'linux'
  readonly cpu: Architecture
  readonly libc: 'glibc'
}

/** A machine of Azure with this processor. */
export const linux = (cpu: Architecture): Target => ({ os: 'linux', cpu, libc: 'glibc' })

/** What a package.json may say of where a package runs, e.g. `"os": ["darwin"]` or `"libc": ["!musl"]`. */
export interface Platforms {
  readonly os?: readonly string[] | string
  readonly cpu?: readonly string[] | string
  readonly libc?: readonly string[] | string
}

/** Whether a package runs on the target, by what its package.json says. */
export function runsOn({ os, cpu, libc }: Platforms, target: Target): boolean {
  return matches(os, target.os) && matches(cpu, target.cpu) && matches(libc, target.libc)
}

/** npm's rule: one entry has to match, and none with an exclamation mark. */
function matches(listed: readonly string[] | string | undefined, actual: string): boolean {
  const entries = listed === undefined ? [] : [listed].flat()
  if (entries.includes(`!${actual}`)) return false
  const accepted = entries.filter(entry => !entry.startsWith('!'))
  return accepted.length === 0 || accepted.includes(actual) || accepted.includes('any')
}

/** Whether packages that npm has installed here are those for the target. */
export function isThisMachine({ os, cpu }: Target): boolean {
  if (process.platform !== os || process.arch !== cpu) return false
  const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } }
  return header.glibcVersionRuntime !== undefined // absent with musl, as on Alpine
}
