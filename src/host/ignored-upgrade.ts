import type { IncomingMessage } from 'node:http'

/**
 * The request again, without the wish for another protocol: a server may ignore that (RFC 9110, section 7.8). Node.js takes
 * what comes after such a head for the other protocol, and drops it where nobody speaks that.
 *
 * @param rest  what came after the head
 * @returns bytes to be read as if they had just come
 */
export function withoutUpgrade({ method, url, httpVersion, rawHeaders }: IncomingMessage, rest: Buffer): Buffer {
  const lines = [`${method} ${url} HTTP/${httpVersion}`]
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] as string
    const value = rawHeaders[at + 1] as string
    const key = name.toLowerCase()
    if (key === 'upgrade') continue
    const kept = key === 'connection' ? withoutUpgradeOption(value) : value
    if (kept !== undefined) lines.push(`${name}: ${kept}`)
  }
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), rest])
}

function withoutUpgradeOption(value: string): string | undefined {
  const options = value.split(',').filter(option => option.trim().toLowerCase() !== 'upgrade')
  return options.length > 0 ? options.join(',').trim() : undefined
}
