/** Which packages and files of ours, and of the packages with native code, are needed in Azure. */
import type { Target } from './target.ts'

/** What the code of the project uses of what is optional. */
export interface Usage {
  /** Whether sharp, and with it libvips, is in the package. */
  readonly images: boolean
  /** Whether scripts or functions import zod. */
  readonly zod: boolean
}

/**
 * Whether a package is needed at run time by one that depends on it.
 *
 * @param dependent  name of a package; that of the project for its own dependencies
 */
export function isNeeded(dependent: string, dependency: string, { images, zod }: Usage): boolean {
  // adm-zip and global-agent serve its install script, which fetches CUDA's libraries.
  if (dependent === 'onnxruntime-node') return dependency === 'onnxruntime-common'
  if (dependent !== 'scoring-functions') return true
  if (dependency === 'sharp') return images // loaded with the first image
  return dependency !== 'zod' || zod // bundled; here for scripts
}

interface FileRule {
  /** Absent: all files. */
  readonly keep?: RegExp
  readonly drop?: RegExp
}

/** Declarations, source maps, sources in other languages, and manuals. Licences stay, which also come as `LICENSE.md`. */
const notForRunning =
  /\.(?:map|[cm]?ts|flow|cc?|cpp|hh?|hpp|gypi?)$|^(?!.*licen[cs]e|.*notice|.*copying).*\.(?:md|markdown)$/i

const fileRules = ({ os, cpu }: Target): Readonly<Record<string, FileRule>> => ({
  // Commands, the embedded host, templates and declarations are for machines of developers.
  'scoring-functions': {
    keep: /^(?:package\.json|LICENSE|dist\/.*)$/,
    drop: /^dist\/(?:(?:scoring|testing|cli-.*|client-.*)\.mjs|host-.*\.cjs|(?:templates|types|hooks)\/.*|service\.schema\.json)$/,
  },
  // Not the other platforms, nor what its install script may have fetched: CUDA has no place in Flex Consumption.
  'onnxruntime-node': {
    keep: new RegExp(
      `^(?:package\\.json|LICENSE|dist/.*|bin/napi-v\\d+/${os}/${cpu}/(?:libonnxruntime\\.so\\.\\d+|.*\\.node))$`,
    ),
  },
  'onnxruntime-common': { drop: /^dist\/esm\// }, // onnxruntime-node is CommonJS
  sharp: { drop: /^(?:src|install)\// },
  '@azure/functions': { drop: /^src\/|\.min\.js$/ },
})

/** Whether a file of a package is needed to run it on the target. @param path  in the package */
export function isRuntimeFile(packageName: string, path: string, target: Target): boolean {
  const { keep, drop } = fileRules(target)[packageName] ?? {}
  return !notForRunning.test(path) && (keep?.test(path) ?? true) && !drop?.test(path)
}
