import { StartupError } from '../errors.ts'
import type { PackageEntry } from './package-entry.ts'
import type { Usage } from './runtime-needs.ts'
import type { Target } from './target.ts'

export interface Expected {
  /** As package.json names it. */
  readonly main: string
  readonly servicesPath: string
  readonly target: Target
  readonly usage: Usage
}

/** @throws StartupError when the host or a service would miss a file of the package */
export function requireWhole(entries: readonly PackageEntry[], { main, servicesPath, target, usage }: Expected): void {
  const paths = entries.map(({ path }) => path)
  const { os, cpu } = target
  const platform = `${os}-${cpu}`
  const refuse = (message: string) => {
    throw new StartupError(message)
  }
  if (!paths.includes('host.json')) refuse('host.json would not be in the package: .funcignore leaves it out')
  if (!paths.includes(main.replace(/^\.\//, ''))) {
    refuse(
      `"main" in package.json is "${main}", a file that would not be in the package: run "npm install", or "npm run build" in this repository`,
    )
  }
  if (!paths.some(path => path.startsWith(`${servicesPath}/`) && path.endsWith('/service.json'))) {
    refuse(
      `no service of ${servicesPath}/ would be in the package: a service is a folder with a service.json that .funcignore does not leave out`,
    )
  }
  const hasBinary = (folder: RegExp) => paths.some(path => folder.test(path) && path.endsWith('.node'))
  if (!hasBinary(new RegExp(`/onnxruntime-node/bin/[^/]+/${os}/${cpu}/`)))
    refuse(`onnxruntime-node has no native code for ${platform}: run "npm install"`)
  if (usage.images && !hasBinary(new RegExp(`/@img/sharp-${platform}/`))) {
    refuse(
      `scripts decode images, and sharp has no native code for ${platform}, neither in node_modules nor where npm looks for it: run "npm install" with optional dependencies and the registry in reach, or leave images out with --no-images`,
    )
  }
}
