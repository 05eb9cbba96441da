const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * The text that was sent.
 *
 * @returns undefined when the body is not in that encoding, or not UTF-8
 */
export function decodeMessageText(body: string, encoding: 'base64' | 'none'): string | undefined {
  if (encoding === 'none') return body
  const packed = body.replace(/[ \t\r\n]/g, '') // .NET skips them
  if (packed.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(packed)) return undefined
  try {
    return utf8.decode(Buffer.from(packed, 'base64'))
  } catch {
    return undefined
  }
}

/** What a handler gets for a text: its JSON value, or the text when it is none. (lib fromRpcTypedData) */
export function handlerInput(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
