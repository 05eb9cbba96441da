/** Rows whose features are encrypted: each is the body of a request. Other rows of such services hold numbers. */

export function isEncryptedRow(row: unknown): boolean {
  if (typeof row !== 'object' || row === null) return false
  const { data, key_id: keyId } = row as { readonly data?: unknown; readonly key_id?: unknown }
  return typeof data === 'string' || (Array.isArray(data) && typeof data[0] === 'string') || typeof keyId === 'string'
}

/** What is checked of a connection string. The rest of it opens the storage account. */
const checkedParts = /^\s*(AccountName|BlobEndpoint|EndpointSuffix|UseDevelopmentStorage)\s*=/i
const secretMember = 'conn_str'
/** In place of a row that may hold a secret and is not JSON, because it must stay that. */
const unreadable = Buffer.from('{unreadable')

/** A row as a job may keep it: of a connection string, which the client of Azure ML's tutorial sends, only what names the account. */
export function withoutSecrets(row: unknown): unknown {
  if (typeof row !== 'object' || row === null || !Object.hasOwn(row, secretMember)) return row
  const { [secretMember]: text, ...rest } = row as Record<string, unknown>
  if (text === null) return row
  const parts = typeof text === 'string' ? text.split(';').filter(part => checkedParts.test(part)) : []
  return { ...rest, [secretMember]: parts.map(withoutQuery).join(';') }
}

/** The same for the text of a row. */
export function withoutSecretsInText(bytes: Uint8Array): Uint8Array {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  // A name can be spelt with escapes.
  if (!text.includes(secretMember) && !text.includes('\\')) return bytes
  let row: unknown
  try {
    row = JSON.parse(text.toString())
  } catch {
    return text.includes(secretMember) ? unreadable : bytes
  }
  const kept = withoutSecrets(row)
  return kept === row ? bytes : Buffer.from(JSON.stringify(kept))
}

/** The query of an endpoint may be a signature. */
function withoutQuery(part: string): string {
  return part.replace(/\?.*$/, '')
}
