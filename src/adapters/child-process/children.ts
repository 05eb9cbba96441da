/** Keeps count of child processes that are to end with this one. */
export interface Children {
  started(pid: number): void
  ended(pid: number): void
}

const running = new Set<number>()

/** To be used on the main thread only: others do not learn that the process ends. */
export const childrenOfProcess: Children = {
  started: pid => void running.add(pid),
  ended: pid => void running.delete(pid),
}

// A process that is busy with a file would notice only later that its parent is gone.
process.on('exit', () => {
  for (const pid of running) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // It ended at this moment.
    }
  }
})
