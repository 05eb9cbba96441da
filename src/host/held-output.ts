/** Holds back what this process prints, so that a start screen comes before it. */

/** The message of the supervisor that ends it. */
export interface ReleaseOutput {
  readonly type: 'release output'
  /** Lines that begin with one of these are left out, because the start screen says the same. */
  readonly omit: readonly string[]
}

interface Held {
  readonly stream: NodeJS.WriteStream
  readonly text: string
}

type Write = NodeJS.WriteStream['write']
const maxHeldCharacters = 1_000_000

let held: Held[] | undefined
let released = (): void => {}
let originals: [stream: NodeJS.WriteStream, write: Write][] = []

/**
 * Holds back stdout and stderr until `releaseOutput`, or until it is very much. What native code prints is not held.
 *
 * @param onHeld  gets what is held back
 * @param onReleased  called when what is printed goes out again
 */
export function holdOutput(onHeld: (text: string) => void = () => {}, onReleased: () => void = () => {}): void {
  held = []
  released = onReleased
  let characters = 0
  originals = [process.stdout, process.stderr].map(stream => [stream, stream.write])
  for (const [stream] of originals) {
    stream.write = (chunk: string | Uint8Array, ...rest: unknown[]) => {
      const text = typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString()
      held?.push({ stream, text })
      onHeld(text)
      characters += text.length
      if (characters > maxHeldCharacters) releaseOutput()
      const done = rest.find(each => typeof each === 'function')
      if (done) process.nextTick(done as () => void)
      return true
    }
  }
  process.on('exit', () => releaseOutput())
}

/** Prints what was held back, in its order. Without effect when nothing is held. */
export function releaseOutput(omit: readonly string[] = []): void {
  const chunks = held ?? []
  held = undefined
  for (const [stream, write] of originals) stream.write = write
  originals = []
  for (const { stream, text } of chunks) {
    const lines = text.match(/[^\n]*\n|[^\n]+$/g) ?? []
    const kept = lines.filter(line => !omit.some(start => line.startsWith(start))).join('')
    if (kept !== '') stream.write(kept)
  }
  const then = released
  released = () => {}
  then()
}
