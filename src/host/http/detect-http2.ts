import type { Socket } from 'node:net'

/** How the connection preface of HTTP/2 begins, which is no request of HTTP/1.1 (RFC 9113, section 3.4). */
const preface = Buffer.from('PRI')

/**
 * Reads which protocol the client of a connection speaks, and leaves its bytes to be read again.
 *
 * @param silentMs  how long the client may send nothing
 */
export function detectHttp2(
  socket: Socket,
  silentMs: number,
  { onDetected, onSilent }: { readonly onDetected: (isHttp2: boolean) => void; readonly onSilent: () => void },
): void {
  let start: Buffer | undefined
  const finish = () => {
    socket.off('readable', look).off('timeout', giveUp).off('close', finish).setTimeout(0)
  }
  const look = () => {
    const chunk = socket.read() as Buffer | null
    if (chunk) start = start ? Buffer.concat([start, chunk]) : chunk
    const known = start?.subarray(0, preface.length)
    const isLikePreface = known !== undefined && preface.subarray(0, known.length).equals(known)
    if (chunk && isLikePreface && known.length < preface.length) return // the next bytes tell
    finish()
    if (start) socket.unshift(start)
    onDetected(isLikePreface && known.length === preface.length)
  }
  const giveUp = () => {
    finish()
    onSilent()
  }
  socket.on('readable', look).on('timeout', giveUp).on('close', finish).on('error', ignore).setTimeout(silentMs)
}

/** Stays with the connection, also when it is refused: `close` follows an error. */
const ignore = () => {}
