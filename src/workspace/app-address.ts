/** Where the app of a project listens: `scoring start` writes it down for other commands and programs. */
import { readFileSync } from 'node:fs'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'

/** The content of `.local/app.json`. */
interface RunningApp {
  readonly url: string
  /** The process that wrote it; where that has ended, the address means nothing. */
  readonly pid: number
}

const addressFile = (root: string): string => join(root, '.local', 'app.json')

/** @returns what removes the address again */
export async function recordAppAddress(root: string, url: string): Promise<() => Promise<void>> {
  const path = addressFile(root)
  const running: RunningApp = { url, pid: process.pid }
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
    const { url, pid } = JSON.parse(readFileSync(addressFile(root), 'utf8')) as RunningApp
    return URL.canParse(url) && isRunning(pid) ? url : undefined
  } catch {
    return undefined // there is none, or a write that was cut off
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (failure) {
    return (failure as NodeJS.ErrnoException).code === 'EPERM'
  }
}
