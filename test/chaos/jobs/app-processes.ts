import { readdir, readFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'

const longestMs = 10_000

/**
 * Processes that run something of an app, once those that are just ending have ended. Only Linux tells it.
 *
 * @returns their command lines
 */
export async function listProcesses(appRoot: string): Promise<string[]> {
  const until = Date.now() + longestMs
  for (;;) {
    const found = (await readCommandLines()).filter(line => line.includes(appRoot))
    if (found.length === 0 || Date.now() > until) return found
    await delay(200)
  }
}

async function readCommandLines(): Promise<string[]> {
  const entries = await readdir('/proc').catch(() => [])
  const pids = entries.filter(name => /^\d+$/.test(name))
  // A process may have ended since it was listed.
  const lines = pids.map(pid => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => ''))
  return (await Promise.all(lines)).map(line => line.replaceAll('\0', ' ').trim())
}
