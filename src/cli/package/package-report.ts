/** What is in a package, by size, and whether it is as small as it should be: instances unpack it before their first request. */

import type { MadePackage } from '../../packaging/make-package.ts'
import { describeBytes } from '../describe.ts'
import { type Column, formatTable, type Terminal } from '../terminal.ts'

/** Bytes that Scoring Functions may take in a package: with sharp, which brings libvips, and without. */
export const maxBytes = { withImages: 27_000_000, withoutImages: 19_500_000 } as const

export interface PackageGroup {
  /** A package such as `node_modules/sharp`, a service such as `models/iris`, or a folder of the project. */
  readonly path: string
  readonly files: number
  readonly bytes: number
  readonly packedBytes: number
}

/** Sums files up by package, service and folder, the largest first. */
export function groupFiles({ files, servicesPath }: Pick<MadePackage, 'files' | 'servicesPath'>): PackageGroup[] {
  const groups = new Map<string, PackageGroup>()
  for (const { path, bytes, packedBytes } of files) {
    const name = nameGroup(path, servicesPath)
    const group = groups.get(name) ?? { path: name, files: 0, bytes: 0, packedBytes: 0 }
    groups.set(name, {
      path: name,
      files: group.files + 1,
      bytes: group.bytes + bytes,
      packedBytes: group.packedBytes + packedBytes,
    })
  }
  return [...groups.values()].sort((one, other) => other.packedBytes - one.packedBytes)
}

function nameGroup(path: string, servicesPath: string): string {
  const [installed] = /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path) ?? []
  if (installed !== undefined) return installed
  if (!path.startsWith(`${servicesPath}/`)) return path.includes('/') ? path.slice(0, path.indexOf('/')) : path
  const [service = '', ...inside] = path.slice(servicesPath.length + 1).split('/')
  return inside.length > 0 ? `${servicesPath}/${service}` : path
}

/** `26.81 MB`: limits are told apart by less than `describeBytes` shows. */
export const describeMegabytes = (bytes: number): string => `${(bytes / 1_000_000).toFixed(2)} MB`

const columns: Column[] = [
  { title: 'In the package', overflow: 'cut' },
  { title: 'Files', align: 'right' },
  { title: 'Unpacked', align: 'right' },
  { title: 'Packed', align: 'right' },
]

/** @param isVerbose  one line for each file instead of each group */
export function formatContents(made: MadePackage, terminal: Terminal, isVerbose: boolean): string {
  const bySize = made.files.toSorted((one, other) => other.packedBytes - one.packedBytes)
  const groups = isVerbose ? bySize.map(file => ({ ...file, files: 1 })) : groupFiles(made)
  const rows = groups.map(({ path, files, bytes, packedBytes }) => [
    path,
    String(files),
    describeBytes(bytes),
    describeBytes(packedBytes),
  ])
  const unpacked = made.files.reduce((sum, { bytes }) => sum + bytes, 0)
  const total = ['all', String(made.files.length), describeMegabytes(unpacked), describeMegabytes(made.bytes)]
  return formatTable([...rows, total], terminal, { columns })
}
