import { StartupError } from '../errors.ts'

/** Failures of the operating system in words: a full disk or a path without permission is not a fault of the command. */
const reasons: Readonly<Record<string, string>> = {
  EACCES: 'there is no permission',
  EDQUOT: 'the quota of the disk is used up',
  EEXIST: 'it exists already',
  EISDIR: 'it is a folder',
  ELOOP: 'its symbolic links lead in a circle',
  EMFILE: 'too many files are open',
  ENAMETOOLONG: 'the name is too long',
  ENOENT: 'it does not exist',
  ENOSPC: 'the disk is full',
  ENOTDIR: 'a part of the path is no folder',
  EPERM: 'it is not permitted',
  EROFS: 'the disk is read-only',
}

/**
 * @returns e.g. `/srv/my-scoring cannot be used: there is no permission (EACCES, mkdir)`; undefined for other failures
 */
export function describeSystemError(failure: unknown): string | undefined {
  if (!(failure instanceof Error)) return undefined
  const { code = '', path, syscall } = failure as NodeJS.ErrnoException
  if (syscall === undefined || !Object.hasOwn(reasons, code)) return undefined
  return `${path === undefined ? 'a file' : path} cannot be used: ${reasons[code]} (${code}, ${syscall})`
}

/** The failure for a file that the user has named. */
export function unreadableFile(path: string, cause: unknown): StartupError {
  const { code = '' } = cause as NodeJS.ErrnoException
  const why = code === 'ENOENT' ? 'does not exist' : `cannot be read: ${reasons[code] ?? code}`
  return new StartupError(`${path} ${why}`, { cause })
}
