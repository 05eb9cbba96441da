/** Where the app of a project listens: `scoring start` writes it down for other commands and programs. */
import { readFileSync } from 'node:fs'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'

/** The content of `.local/app.json`. */
interface RunningApp {
  readonly url: string
  /** The process that wrote it; where that has ended, the address means nothing. */
  readonly pid: number
  /** When that process started, as the system counts: its number may be given to another one, in a container at each start. */
  readonly started?: string | undefined
}

const addressFile = (root: string): string => join(root, '.local', 'app.json')

/** @returns what removes the address again */
export async function recordAppAddress(root: string, url: string): Promise<() => Promise<void>> {
  const path = addressFile(root)
  const running: RunningApp = { url, pid: process.pid, started: startOf(process.pid) }
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, `${JSON.stringify(running)}\n`)
  return async () => {
    const found = await readFile(path, 'utf8').catch(() => '')
    if (found === `${JSON.stringify(running)}\n`) await rm(path, { force: true }) // another app may have written its own
  }
}

/** @returns the address of the app that runs now; undefined when none does */
export function readAppAddress(root: string): string | undefined {
  try {
    const { url, pid, started } = JSON.parse(readFileSync(addressFile(root), 'utf8')) as RunningApp
    const isSame = isRunning(pid) && (started === undefined || started === startOf(pid))
    return URL.canParse(url) && isSame ? url : undefined
  } catch {
    return undefined // there is none, or a write that was cut off
  }
}

/** @returns undefined where the system has no `/proc` */
function startOf(pid: number): string | undefined {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // Field 22, in ticks since the boot; field 2 is a name in parentheses, which may hold spaces (proc_pid_stat(5)).
    const ticks = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
    return ticks && `${boot} ${ticks}`
  } catch {
    return undefined
  }
}

/** Numbers below 1 stand for groups of processes, one of which always runs. */
function isRunning(pid: number): boolean {
  if (!Number.isInteger(pid) || pid < 1) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (failure) {
    return (failure as NodeJS.ErrnoException).code === 'EPERM'
  }
}
