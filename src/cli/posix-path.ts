import { relative } from 'node:path'

/** A path as a POSIX one, relative to a folder, e.g. `../service.schema.json`. */
export function posixPath(from: string, to: string): string {
  return relative(from, to).replaceAll('\\', '/')
}
