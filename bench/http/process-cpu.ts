import { readdirSync, readFileSync } from 'node:fs'

/** Linux counts in ticks of 10 ms (USER_HZ is 100 on all of Node's platforms). */
const tickMs = 10

/** CPU time of a process and its children so far (Linux); undefined elsewhere. */
export function cpuMillisecondsOf(pid: number): number | undefined {
  if (process.platform !== 'linux') return undefined
  const all = readdirSync('/proc').filter(entry => /^\d+$/.test(entry))
  const times = all.map(entry => timesOf(entry)).filter(times => times?.pid === pid || times?.parent === pid)
  return times.length === 0 ? undefined : times.reduce((sum, times) => sum + (times?.ticks ?? 0), 0) * tickMs
}

/** The process among the children of this one whose command line has `word` (Linux). */
export function findChild(word: string): number | undefined {
  if (process.platform !== 'linux') return undefined
  const children = readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').trim().split(' ').map(Number)
  return children.find(pid => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(word))
}

/** proc(5): fields 1 pid, 4 ppid, 14 utime, 15 stime; the name in field 2 may hold anything, up to the last `)`. */
function timesOf(entry: string): { pid: number; parent: number; ticks: number } | undefined {
  try {
    const stat = readFileSync(`/proc/${entry}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return { pid: Number(entry), parent: Number(fields[1]), ticks: Number(fields[11]) + Number(fields[12]) }
  } catch {
    return undefined // it ended meanwhile
  }
}
