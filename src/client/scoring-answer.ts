import { decodeJson } from './json.ts'
import { RequestError } from './request-error.ts'

/**
 * Reads what a service has answered: parsed where it is JSON, text where it is text, and bytes otherwise.
 *
 * @throws RequestError for JSON that is none
 */
export async function decodeAnswer(response: Response): Promise<unknown> {
  const type = response.headers.get('content-type') ?? ''
  if (/^application\/([^;]*\+)?json\b/i.test(type)) return parseAnswer(await response.text())
  if (/^text\//i.test(type)) return response.text()
  return new Uint8Array(await response.arrayBuffer())
}

function parseAnswer(text: string): unknown {
  if (text === '') return undefined
  try {
    return decodeJson(text)
  } catch (cause) {
    throw new RequestError('the service has answered with something else than JSON', { status: 200 }, { cause })
  }
}
