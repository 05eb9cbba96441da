/** What a service answers to a command, in its process or over HTTP. */

/** An HTTP response to a score. */
export interface Answer {
  readonly status: number
  readonly contentType: string
  readonly body: Buffer
}

export async function readAnswer(response: Response): Promise<Answer> {
  return {
    status: response.status,
    contentType: response.headers.get('content-type') ?? '',
    body: Buffer.from(await response.arrayBuffer()),
  }
}

/** The answer as JSON text; text of another kind becomes a JSON string. */
export function readJson({ contentType, body }: Answer): string {
  const text = body.toString()
  if (!/json/i.test(contentType)) return JSON.stringify(text)
  try {
    const value = JSON.parse(text)
    // `"encoding": "json-string"`: a string of JSON, for older clients.
    if (typeof value === 'string' && /^\s*[[{]/.test(value)) {
      JSON.parse(value)
      return value
    }
  } catch {
    // Python's bare NaN ("nonFinite": "literal") is no JSON, and is shown as it is.
  }
  return text
}

/** The code and message of an answer that is none of 200. */
export function describeFailure(answer: Answer): { code: string; message: string } {
  const { code, message } = parseObject(answer.body.toString())
  return {
    code: typeof code === 'string' ? code : `HTTP_${answer.status}`,
    message: typeof message === 'string' ? message : `the service answered with status ${answer.status}`,
  }
}

/** A script may answer with anything. */
function parseObject(text: string): { code?: unknown; message?: unknown } {
  try {
    return JSON.parse(text) ?? {}
  } catch {
    return {}
  }
}
