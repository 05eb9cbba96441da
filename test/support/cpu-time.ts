/** Setup of every test file: notes the CPU time of its process and of the processes that it started and waited for. */
import { readFileSync } from 'node:fs'
import { afterAll } from 'vitest'

declare global {
  /** Seconds that belong to the files which have run in this process before. */
  var cpuSecondsBefore: number | undefined
}

// Hooks run in reverse: this one after those of the file, which end its processes.
// biome-ignore lint/correctness/noEmptyPattern: Vitest asks for it
afterAll(({}, file) => {
  const seconds = cpuSeconds()
  if (seconds === undefined) return
  file.meta.cpuSeconds = seconds - (globalThis.cpuSecondsBefore ?? 0)
  globalThis.cpuSecondsBefore = seconds
})

/** Only Linux says it of children. */
function cpuSeconds(): number | undefined {
  if (process.platform !== 'linux') return undefined
  // See proc_pid_stat(5): user and system time, its own and that of its children, in hundredths of a second.
  const fields = readFileSync('/proc/self/stat', 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ')
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / 100
}

declare module 'vitest' {
  interface TaskMeta {
    cpuSeconds?: number
  }
}
