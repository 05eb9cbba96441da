/** Notices that npm has ended, which does not always end what it has started: `kill -9`, a closed editor, a stopped service. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

const pollMs = 500

interface Process {
  readonly parent: number
  /** Name of the program, without folders. */
  readonly program: string
}

/**
 * Calls `onGone` once when the npm that runs this process has ended. A process that npm does not run may outlive the one
 * that started it, as with `nohup`, and is not watched.
 *
 * @param environment  where npm, and pnpm and Yarn alike, say that they run a script or a command
 */
export function watchNpm(environment: NodeJS.ProcessEnv, onGone: () => void): void {
  if (!environment.npm_lifecycle_event && !environment.npm_command) return
  const parent = process.ppid
  // npm starts a script by a shell, which some shells replace by the script's only command.
  const shell = readProcess(parent)
  const npm = shell && /^-?(ba|da|z|k|a)?sh$|^busybox$/.test(shell.program) ? shell.parent : undefined
  const timer = setInterval(() => {
    if (process.ppid === parent && (npm === undefined || isParent(npm, parent))) return
    clearInterval(timer)
    onGone()
  }, pollMs).unref()
}

/** A parent that has ended is replaced by another one, even where it is still listed because nobody has waited for it. */
function isParent(parent: number, child: number): boolean {
  if (process.platform === 'linux') return readProcess(child)?.parent === parent
  try {
    return process.kill(parent, 0)
  } catch {
    return false
  }
}

/** @returns undefined when it has ended, and on Windows, which does not tell */
function readProcess(id: number): Process | undefined {
  try {
    if (process.platform === 'linux') {
      // The name stands in brackets and may hold any character; the state and the parent follow (proc(5)).
      const [, program = '', parent] = /\((.*)\) \S (\d+)/s.exec(readFileSync(`/proc/${id}/stat`, 'utf8')) ?? []
      return { parent: Number(parent), program }
    }
    if (process.platform === 'win32') return undefined
    const [, parent, path = ''] =
      /^\s*(\d+)\s+(.*)$/m.exec(execFileSync('ps', ['-o', 'ppid=,comm=', '-p', String(id)], { encoding: 'utf8' })) ?? []
    return { parent: Number(parent), program: path.slice(path.lastIndexOf('/') + 1) }
  } catch {
    return undefined
  }
}
