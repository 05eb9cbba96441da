import { readFileSync } from 'node:fs'

/** Memory that a process holds now, in MiB (Linux); undefined elsewhere, and when it has ended. */
export function residentMemoryMbOf(pid: number): number | undefined {
  if (process.platform !== 'linux') return undefined
  try {
    const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
    return kib === undefined ? undefined : Number(kib) / 1024
  } catch {
    return undefined
  }
}
