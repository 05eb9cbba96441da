import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** The answers that each connection owes, in the order of its requests (RFC 9112, section 9.3.2). */
export class Unanswered {
  readonly #answers = new WeakMap<Socket, ServerResponse[]>()

  add(socket: Socket, answer: ServerResponse): void {
    this.#answers.set(socket, [...this.of(socket), answer])
  }

  of(socket: Socket): ServerResponse[] {
    return this.#answers.get(socket)?.filter(answer => !isOver(answer)) ?? []
  }
}

/**
 * Calls back when the client has these answers, or has left: at once where there are none.
 *
 * @param answers  of one connection, in order
 */
export function afterAnswers(answers: readonly ServerResponse[], then: () => void): void {
  const last = answers.at(-1)
  if (last) last.once('close', then)
  else then()
}

/**
 * Node.js has let go of the connection, whose parser met something else than a request, and of the answers that are not
 * sent yet: they hear no more that the client takes what is written, or has left. This tells them.
 */
export function adopt(socket: Socket, answers: readonly ServerResponse[]): () => void {
  const onDrain = () => answers.find(answer => !isOver(answer))?.emit('drain')
  const onClose = () => {
    for (const answer of answers) {
      if (isOver(answer)) continue
      answer.destroyed = true
      answer.emit('close')
    }
  }
  socket.on('drain', onDrain).on('close', onClose)
  return () => socket.off('drain', onDrain).off('close', onClose)
}

function isOver(answer: ServerResponse): boolean {
  return answer.writableFinished || answer.destroyed
}
