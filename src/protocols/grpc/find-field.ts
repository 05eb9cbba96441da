import { MessageReader } from './message-reader.ts'

/**
 * Finds where a field lies in a message whose beginning has come, such as the tensor that most of it is.
 *
 * @param head  may be cut anywhere, and be malformed
 * @param path  the numbers of the messages that it is within, and its own
 * @returns bytes before its content; undefined where the head does not have it
 */
export function findField(head: Uint8Array, path: readonly number[]): number | undefined {
  const [field, ...inner] = path
  // What is not there yet does not end the message.
  const reader = new MessageReader(head, 'message', 0, Number.MAX_SAFE_INTEGER)
  try {
    while (reader.next()) {
      if (reader.field !== field) reader.skip()
      else {
        const content = reader.bytes()
        const start = content.byteOffset - head.byteOffset
        if (inner.length === 0) return start
        const within = findField(content, inner)
        return within === undefined ? undefined : start + within
      }
    }
  } catch {
    // Cut off, or malformed, which the codec says.
  }
  return undefined
}
