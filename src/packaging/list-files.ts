import { readdirSync, realpathSync, statSync } from 'node:fs'
import { join } from 'node:path'

/**
 * Lists the files of a folder and those below it, with slashes, relative to it. Symbolic links count as what they lead to, because
 * a package holds none.
 *
 * @param isLeftOut  folders end with a slash; one that is left out is not read
 */
export function listFiles(folder: string, isLeftOut: (path: string) => boolean): string[] {
  return list(folder, '', isLeftOut, new Set())
}

/** @param above  the folders that lead here: a link to one of them would have no end */
function list(
  root: string,
  prefix: string,
  isLeftOut: (path: string) => boolean,
  above: ReadonlySet<string>,
): string[] {
  const real = realpathSync(join(root, prefix))
  if (above.has(real)) return []
  const within = new Set([...above, real])
  return readdirSync(real).flatMap(name => {
    const stats = statSync(join(real, name), { throwIfNoEntry: false }) // undefined: a link to nothing
    const path = `${prefix}${name}`
    if (stats?.isFile()) return isLeftOut(path) ? [] : [path]
    if (!stats?.isDirectory() || isLeftOut(`${path}/`)) return []
    return list(root, `${path}/`, isLeftOut, within)
  })
}
