import { ScoringError } from '../../errors.ts'

/** The storage account of the app. */
export interface OwnStorage {
  readonly account: string
  /** Host of the blob service, with its port. */
  readonly blobHost: string
}

const maxLength = 4096

/**
 * Checks that a connection string, which the client of Azure ML's tutorial sends, means the storage of the app. It is never used:
 * keys are read with the app's own identity. Messages repeat nothing of it, because it holds a secret.
 *
 * @throws ScoringError INPUT_INVALID
 */
export function checkConnectionString(text: unknown, own: OwnStorage | undefined): void {
  if (typeof text !== 'string' || text.length > maxLength) throw invalid('expected a connection string')
  const parts = new Map<string, string>()
  for (const part of text.split(';')) {
    const equals = part.indexOf('=')
    if (equals > 0) parts.set(part.slice(0, equals).trim().toLowerCase(), part.slice(equals + 1).trim())
  }
  const isDevelopment = parts.get('usedevelopmentstorage')?.toLowerCase() === 'true'
  const account = isDevelopment ? 'devstoreaccount1' : parts.get('accountname')
  const endpoint = parts.get('blobendpoint')
  const suffix = parts.get('endpointsuffix')
  if (account === undefined && endpoint === undefined) throw invalid('it names no storage account')
  const isOwn =
    own !== undefined &&
    (account === undefined || account === own.account) &&
    (endpoint === undefined || isSameHost(URL.parse(endpoint)?.host, own.blobHost)) &&
    (endpoint !== undefined || suffix === undefined || own.blobHost === `${own.account}.blob.${suffix}`)
  if (!isOwn) throw invalid('it names another storage account than that of this app; leave it out')
}

/** Emulators on this machine are named in several ways. */
function isSameHost(host: string | undefined, own: string): boolean {
  const named = (text: string) => text.replace(/^(127\.0\.0\.1|\[::1\])(?=:|$)/, 'localhost')
  return host !== undefined && named(host) === named(own)
}

function invalid(reason: string): ScoringError {
  return new ScoringError('INPUT_INVALID', `conn_str: ${reason}.`)
}
