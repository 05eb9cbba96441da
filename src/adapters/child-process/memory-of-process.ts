import { readFile } from 'node:fs/promises'

/** @returns MiB that a process holds in memory, buffers included; undefined where only Linux could tell, or it has ended */
export async function processMemoryMb(id: number): Promise<number | undefined> {
  try {
    const [, kib] = /^VmRSS:\s+(\d+) kB$/m.exec(await readFile(`/proc/${id}/status`, 'utf8')) ?? []
    return kib === undefined ? undefined : Number(kib) / 1024
  } catch {
    return undefined
  }
}
