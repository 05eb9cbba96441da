import { StorageError } from '../../jobs/blob-store.ts'

/**
 * What the one who submitted a job allowed it to read with: the query of a shared access signature, with or without its
 * question mark. Asked for a URL without query.
 */
export type SignatureOf = (url: string) => Promise<string | undefined> | string | undefined

/**
 * The address of a blob elsewhere. Which hosts are allowed was decided when the job was submitted; here it is only
 * made sure that what is asked is that very host, over TLS.
 *
 * @param url  with its signature as the query, or without; then `signatureOf` is asked for it
 * @returns `name` has no query: it may be shown
 */
export async function remoteUrl(url: string, signatureOf: SignatureOf): Promise<{ url: string; name: string }> {
  const address = URL.parse(url)
  if (address?.protocol !== 'https:' || address.username !== '' || address.password !== '') {
    throw new StorageError('a blob elsewhere is named by an https URL without a user', 'no-https')
  }
  const name = `${address.origin}${address.pathname}`
  if (address.search !== '') return { url: `${name}${address.search}`, name }
  const signature = (await signatureOf(name))?.replace(/^\?/, '')
  return { url: signature ? `${name}?${signature}` : name, name }
}
