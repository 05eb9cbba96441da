import { JsonError, readJson } from '../../tensor/json-reader.ts'

/**
 * Where and why a text is not JSON, worded as CPython 3.11's `json.loads` does, e.g.
 * `Expecting ',' delimiter: line 1 column 14 (char 13)`. V8's own messages quote the text, ours never do.
 *
 * @param text  what `JSON.parse` refused
 */
export function findJsonError(text: string): string {
  try {
    readJson(text)
  } catch (error) {
    if (error instanceof JsonError) return describeJsonError(text, error)
    throw error
  }
  return `Expecting value: ${place(text, text.length)}`
}

/** The message of an error that `readJson` found in the text, with its place. */
export function describeJsonError(text: string, { message, position }: JsonError): string {
  return `${message}: ${place(text, position)}`
}

function place(text: string, position: number): string {
  const before = text.slice(0, position)
  const line = before.split('\n').length
  return `line ${line} column ${position - before.lastIndexOf('\n')} (char ${position})`
}
