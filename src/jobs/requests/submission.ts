import { ScoringError } from '../../errors.ts'
import { JobSubmission } from '../spec.ts'

/**
 * What a caller sent, checked.
 *
 * @throws ScoringError JOB_INVALID naming each member that is wrong, e.g. `miniBatchSize: Too small: expected number to be >=1, came 0`
 */
export function readSubmission(submission: unknown): JobSubmission {
  const parsed = JobSubmission.safeParse(submission, { reportInput: true })
  if (parsed.success) return parsed.data
  throw new ScoringError('JOB_INVALID', parsed.error.issues.map(describe).join('; '))
}

function describe({
  code,
  path,
  message,
  input,
  keys = [],
}: {
  code: string
  path: PropertyKey[]
  message: string
  input?: unknown
  keys?: string[]
}): string {
  const where = path.map(String).join('.')
  const what =
    code === 'unrecognized_keys'
      ? `unrecognized ${keys.map(shown).join(', ')}`
      : `${message.replace(/^Invalid (input: )?/, '')}${code === 'invalid_type' ? '' : came(where, input)}`
  return where === '' ? `the submission: ${what}` : `${where}: ${what}`
}

/** What stood there, where it is short and cannot be a secret, as the query of a URL may be. */
function came(where: string, input: unknown): string {
  if (where === 'input.url' || typeof input === 'object') return ''
  const text = JSON.stringify(input) ?? ''
  return text !== '' && text.length <= 60 ? `, came ${text}` : ''
}

function shown(key: string): string {
  return JSON.stringify(key.slice(0, 60))
}
