/** Paths of blobs with one variable, `{name}`, as the triggers of Azure Functions have them. */

/** e.g. `requests/in/{name}.json`: container `requests`, prefix `in/`, suffix `.json`. */
export interface BlobPath {
  readonly container: string
  readonly prefix: string
  readonly suffix: string
}

const variable = '{name}'
/** Names of containers and of queues. (Azure Storage, naming rules) */
export const storageName = /^(?=.{3,63}$)[a-z0-9]+(-[a-z0-9]+)*$/
/** Containers of the app's jobs and of the host. */
const ownContainers = /^(jobs$|azure-webjobs-)/
/** A path with the name of a blob has at most so many characters, of which the pattern leaves some for `{name}`. */
const maxPatternLength = 512

/** @returns what is wrong with the text; undefined: nothing */
export function blobPathRule(text: string): string | undefined {
  const slash = text.indexOf('/')
  const [container, path] = [text.slice(0, Math.max(0, slash)), text.slice(slash + 1)]
  if (!storageName.test(container) || text.split(variable).length !== 2 || !path.includes(variable))
    return 'must be a container (3 to 63 characters of a-z, 0-9 and single "-") and a path with {name} once, such as requests/{name}.json'
  if (ownContainers.test(container)) return `must not be in the container "${container}", which belongs to the app`
  if (/[{}]/.test(path.replace(variable, ''))) return 'must have no other variable than {name}'
  if (/\\|(^|\/)\.{0,2}(\/|$)|\p{Cc}/u.test(path))
    return 'must have no empty folders, no "." or ".." as a folder, and no backslashes'
  return text.length > maxPatternLength ? `must have at most ${maxPatternLength} characters` : undefined
}

/** @returns undefined when the text breaks the rule */
export function parseBlobPath(text: string): BlobPath | undefined {
  if (blobPathRule(text) !== undefined) return undefined
  const slash = text.indexOf('/')
  const [prefix = '', suffix = ''] = text.slice(slash + 1).split(variable)
  return { container: text.slice(0, slash), prefix, suffix }
}

/** Whether a blob that is written to `output` may be one of `input`, for some name: names may hold anything. */
export function canMatch(output: BlobPath, input: BlobPath): boolean {
  const isEither = (one: string, other: string, has: (text: string, part: string) => boolean) =>
    has(one, other) || has(other, one)
  return (
    output.container === input.container &&
    isEither(output.prefix, input.prefix, (text, part) => text.startsWith(part)) &&
    isEither(output.suffix, input.suffix, (text, part) => text.endsWith(part))
  )
}
