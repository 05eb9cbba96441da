import { url } from 'node:inspector'

/**
 * Tells whether the inspector of this process is open: with `--inspect`, from an editor, or after SIGUSR1. A debugger may then
 * stop any thread at a break point; Node.js does not say whether one is attached.
 *
 * @param log  receives a line when it has opened or closed
 */
export function watchDebugger(log: (line: string) => void): () => boolean {
  let wasOpen = false
  return () => {
    const isOpen = url() !== undefined
    if (isOpen !== wasOpen) log(isOpen ? opened : closed)
    wasOpen = isOpen
    return isOpen
  }
}

const opened = 'a debugger can attach (the inspector is open): requests and loading have no time limit until it closes'
const closed = 'the inspector is closed: requests and loading have their time limits again'
