import type * as z from 'zod'
import { ServiceLoadError } from '../../errors.ts'
import { ServiceDefinition } from './definition.ts'
import { checkDeployments } from './deployments.ts'
import { findDuplicateKey } from './duplicate-key.ts'
import { nameOfStage } from './stage.ts'

/**
 * Reads the text of a `service.json`.
 *
 * @param file  its name in messages, e.g. `iris/service.json`
 * @throws ServiceLoadError naming the key, e.g. `iris/service.json: batching: unrecognized key "maxDelay"`
 */
export function parseDefinition(file: string, text: string): ServiceDefinition {
  let json: unknown
  try {
    json = JSON.parse(text.replace(/^\uFEFF/, ''))
  } catch (cause) {
    throw new ServiceLoadError(`${file} is not JSON (comments are not allowed): ${(cause as Error).message}`)
  }
  const twice = findDuplicateKey(text)
  if (twice) throw new ServiceLoadError(`${file}: ${twice}: this key stands there twice`)
  // A definition is read once, so a parser that zod compiles first would cost more (15 ms of a cold start) than it saves.
  const parsed = ServiceDefinition.safeParse(json, { reportInput: true, jitless: true })
  if (!parsed.success)
    throw new ServiceLoadError(parsed.error.issues.map(issue => `${file}: ${describe(issue)}`).join('; '))
  const { data } = parsed
  const fault = checkEncrypted(data) ?? checkLimits(data) ?? checkStages(data) ?? checkDeployments(data)
  if (fault) throw new ServiceLoadError(`${file}: ${fault}`)
  return data
}

function describe(issue: z.core.$ZodIssue): string {
  const path = issue.path.map(String).join('.')
  if (issue.code === 'invalid_key') return `${path}: ${issue.issues.map(({ message }) => message).join('; ')}`
  const what =
    issue.code === 'unrecognized_keys'
      ? `unrecognized key ${issue.keys.map(key => JSON.stringify(key)).join(', ')}${hint(issue.message)}`
      : `${issue.message.replace(/^Invalid ((input|option): )?/, '')}${isSecret(issue.path) ? '' : found(issue.input)}`
  return path ? `${path}: ${what}` : what
}

/** @returns the schema's own hint, which zod's message about an unknown key replaces */
function hint(message: string): string {
  return message.startsWith('Unrecognized') ? '' : ` (${message})`
}

/** @returns the value that was found, when it is short */
function found(input: unknown): string {
  const text = typeof input === 'object' ? '' : (JSON.stringify(input) ?? '')
  return text !== '' && text.length <= 60 ? `, found ${text}` : ''
}

/** Where the name of a setting belongs, its value may have been written: a key. */
function isSecret(path: readonly PropertyKey[]): boolean {
  return path.at(-1) === 'connection'
}

/** The bytes that a service may hold must suffice for one body. */
function checkLimits({ limits: { maxHeldBytes, maxBodyBytes } }: ServiceDefinition): string | undefined {
  if (maxHeldBytes === undefined || maxHeldBytes >= maxBodyBytes) return undefined
  return `limits.maxHeldBytes: ${maxHeldBytes} is less than one body may have (limits.maxBodyBytes: ${maxBodyBytes})`
}

/** Encrypted features can be multiplied with weights, and no code of the owner can read them. */
function checkEncrypted({ encrypted, entryScript, stages }: ServiceDefinition): string | undefined {
  if (encrypted === false || (entryScript === undefined && stages === undefined)) return undefined
  return `encrypted: a service with ${entryScript === undefined ? 'stages' : 'an entryScript'} cannot score encrypted features, only a linear model alone can`
}

/** Checks what the schema cannot say of stages. */
function checkStages({ stages = [], entryScript }: ServiceDefinition): string | undefined {
  if (stages.length > 0 && entryScript !== undefined) {
    return 'entryScript: a service has either stages or an entryScript'
  }
  const names = stages.map(nameOfStage)
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  return twice === undefined ? undefined : `stages: two are called "${twice}"; give them names`
}
