import { StorageError } from '../../jobs/blob-store.ts'

/**
 * Finds the shared access signature for a URL without query: the query that the submitter of a job sent, with or without its question
 * mark.
 */
export type FindSignature = (url: string) => Promise<string | undefined> | string | undefined

/**
 * The address of a blob of another account. The host was allowed when the job was submitted; this ensures that the request goes to that
 * host, over TLS.
 *
 * @param url  with its signature as the query; otherwise `findSignature` provides it
 * @returns `name` is the URL without its query, for messages
 */
export async function remoteUrl(url: string, findSignature: FindSignature): Promise<{ url: string; name: string }> {
  const address = URL.parse(url)
  if (address?.protocol !== 'https:' || address.username !== '' || address.password !== '') {
    throw new StorageError('the URL of a blob must be https, without a user name', 'no-https')
  }
  const name = `${address.origin}${address.pathname}`
  if (address.search !== '') return { url: `${name}${address.search}`, name }
  const signature = (await findSignature(name))?.replace(/^\?/, '')
  return { url: signature ? `${name}?${signature}` : name, name }
}
