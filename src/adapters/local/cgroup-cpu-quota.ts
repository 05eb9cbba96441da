/**
 * The processors that control groups of Linux grant a process: its own group, and each one above, may have a quota.
 *
 * - v2: `cpu.max` holds `<quota> <period>`, or `max <period>` for none (kernel documentation, cgroup-v2, "CPU Interface Files")
 * - v1: `cpu.cfs_quota_us`, -1 for none, and `cpu.cfs_period_us` (scheduler/sched-bwc)
 *
 * @param read  text of a file; undefined: there is none, or it cannot be read
 * @returns e.g. 1.5; undefined: no group has a quota, or this is no Linux
 */
export function cgroupCpuQuota(read: (path: string) => string | undefined): number | undefined {
  const mounts = parseMounts(read('/proc/self/mountinfo') ?? '')
  const quotas = parseGroups(read('/proc/self/cgroup') ?? '').flatMap(({ version, path }) => {
    const mount = mounts.find(each => each.version === version)
    return mount ? foldersUp(mount, path).flatMap(folder => readQuota(version, folder, read) ?? []) : []
  })
  return quotas.length > 0 ? Math.min(...quotas) : undefined
}

type Version = 1 | 2

/** A mount of a hierarchy of groups. */
interface Mount {
  readonly version: Version
  /** The group at `folder`; in a container it is often the container's own. */
  readonly root: string
  readonly folder: string
}

/** `/proc/self/mountinfo`: id, parent, device, root, folder, options, any number of fields, `-`, type, source, options. */
function parseMounts(text: string): Mount[] {
  return text.split('\n').flatMap(line => {
    const [ofMount = '', ofFileSystem = ''] = line.split(' - ')
    const [, , , root, folder] = ofMount.split(' ').map(unescaped)
    const [type, , options] = ofFileSystem.split(' ')
    if (root === undefined || folder === undefined) return []
    if (type === 'cgroup2') return { version: 2, root, folder }
    return type === 'cgroup' && options?.split(',').includes('cpu') ? { version: 1, root, folder } : []
  })
}

/** Decodes the escapes of mountinfo, e.g. `\040` for a blank. */
function unescaped(field: string): string {
  return field.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))
}

/** `/proc/self/cgroup`: hierarchy, controllers and group, with colons; v2 is hierarchy 0 and names no controllers. */
function parseGroups(text: string): { version: Version; path: string }[] {
  return text.split('\n').flatMap(line => {
    const [, hierarchy, controllers, path] = /^(\d+):([^:]*):(.*)$/.exec(line) ?? []
    if (path === undefined || controllers === undefined) return []
    if (hierarchy === '0' && controllers === '') return { version: 2, path }
    return controllers.split(',').includes('cpu') ? { version: 1, path } : []
  })
}

/** @returns the folder of the group and those of the groups above it, as far as they are visible */
function foldersUp({ root, folder }: Mount, path: string): string[] {
  const base = root === '/' ? '' : root
  const isBelow = path === base || path.startsWith(`${base}/`)
  const names = isBelow ? path.slice(base.length).split('/').filter(Boolean) : []
  if (names.includes('..')) return [folder] // the group was moved out of the visible part
  return names.map((_, index) => [folder, ...names.slice(0, index + 1)].join('/')).concat(folder)
}

function readQuota(version: Version, folder: string, read: (path: string) => string | undefined): number | undefined {
  const [quota, period] =
    version === 2
      ? (read(`${folder}/cpu.max`) ?? '').trim().split(' ')
      : [read(`${folder}/cpu.cfs_quota_us`), read(`${folder}/cpu.cfs_period_us`)]
  const processors = Number(quota) / Number(period)
  return processors > 0 && Number.isFinite(processors) ? processors : undefined
}
