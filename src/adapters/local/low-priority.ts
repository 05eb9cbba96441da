import { readdirSync, writeFileSync } from 'node:fs'
import { setPriority } from 'node:os'

/** A tenth of a processor where a thread of usual priority wants it too (sched(7), "The nice value"). */
const nice = 10

/** Lets the other threads of this process go first. Elsewhere than on Linux, the priority would be that of the whole process. */
export function lowerPriorityOfThread(): void {
  if (process.platform === 'linux') ifAllowed(() => setPriority(0, nice)) // 0 is the calling thread
}

/** Lets other processes go before one of ours. Threads that it starts later get the priority of the thread that starts them. */
export function lowerPriorityOfProcess(pid: number): void {
  if (process.platform !== 'linux') return ifAllowed(() => setPriority(pid, nice))
  ifAllowed(() => {
    for (const thread of readdirSync(`/proc/${pid}/task`)) ifAllowed(() => setPriority(Number(thread), nice))
  })
  // Where Linux groups processes by sessions, it compares priorities within a group only (sched(7), "The autogroup feature").
  ifAllowed(() => writeFileSync(`/proc/${pid}/autogroup`, String(nice)))
}

/** A sandbox may forbid it, and a process may have ended; nothing depends on priorities. */
function ifAllowed(lower: () => void): void {
  try {
    lower()
  } catch {
    // The priority stays as it is.
  }
}
