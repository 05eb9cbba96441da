import type { OpenSession } from './sessions.ts'

/** How long a client has to take the last bytes of its connection and to close it. */
const lingerMs = 1000

const timers = new WeakMap<OpenSession, NodeJS.Timeout>()

/**
 * Ends a session with GOAWAY, and its connection soon after, whether its client reads that or not.
 *
 * @param fault  the error code that the client gets; undefined: it did nothing wrong
 */
export function endSession(open: OpenSession, fault?: number): void {
  if (timers.has(open)) return
  const { session, socket } = open
  if (fault === undefined) session.destroy()
  else session.destroy(new Error('the client exceeds a limit of HTTP/2'), fault)
  const timer = setTimeout(() => socket.destroy(), lingerMs)
  timers.set(open, timer)
  socket.once('close', () => clearTimeout(timer))
}
