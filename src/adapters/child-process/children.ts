/** Keeps count of child processes that are to end with this one. */
export interface Children {
  started(pid: number): void
  ended(pid: number): void
}

/** Children of a thread, which may end without having seen their end. */
export interface ThreadChildren extends Children {
  /** To be called when the thread has ended. */
  kill(): void
}

const running = new Set<number>()

/** To be used on the main thread only: others do not learn that the process ends. */
export const childrenOfProcess: Children = {
  started: pid => void running.add(pid),
  ended: pid => void running.delete(pid),
}

/** To be used on the main thread. */
export function childrenOfThread(): ThreadChildren {
  const own = new Set<number>()
  const ended = (pid: number) => {
    own.delete(pid)
    running.delete(pid)
  }
  return {
    started: pid => {
      own.add(pid)
      running.add(pid)
    },
    ended,
    kill: () => {
      for (const pid of own) {
        kill(pid)
        ended(pid) // later, another process may have its number
      }
    },
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It ended at this moment.
  }
}

// A process that is busy with a file would notice only later that its parent is gone.
process.on('exit', () => {
  for (const pid of running) kill(pid)
})
