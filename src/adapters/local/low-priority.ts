import { setPriority } from 'node:os'

/** A tenth of a processor where a thread of usual priority wants it too (sched(7), "The nice value"). */
const nice = 10

/** Lets the other threads of this process go first. Elsewhere than on Linux, the priority would be that of the whole process. */
export function lowerPriorityOfThread(): void {
  if (process.platform !== 'linux') return
  try {
    setPriority(0, nice) // 0 is the calling thread
  } catch {
    // A sandbox forbids it; nothing depends on it.
  }
}
