import { StartupError } from '../errors.ts'
import { parseTimeSpan } from './dotnet-time.ts'

interface Range {
  readonly initial: number
  readonly min: number
  readonly max?: number
}

/** The settings of an extension in host.json. Its errors are StartupErrors that name the setting, its value and what it may be. */
export class HostJsonSection {
  readonly #path: string
  readonly #values: Readonly<Record<string, unknown>>

  /** @param path  e.g. `extensions.queues` */
  constructor(path: string, given: unknown) {
    this.#path = path
    const section = given ?? {}
    if (typeof section !== 'object' || Array.isArray(section)) throw invalid(path, section, 'an object')
    this.#values = section as Readonly<Record<string, unknown>>
  }

  wholeNumber(name: string, { initial, min, max }: Range): number {
    const value = this.#values[name] ?? initial
    const isInRange =
      typeof value === 'number' && Number.isInteger(value) && value >= min && value <= (max ?? 2 ** 31 - 1)
    if (isInRange) return value
    throw this.#invalid(name, value, `a whole number, ${min} ${max === undefined ? 'or more' : `to ${max}`}`)
  }

  /**
   * @param range  in milliseconds
   * @returns milliseconds
   */
  timeSpan(name: string, { initial, min, max }: Range): number {
    const value = this.#values[name]
    if (value === undefined || value === null) return initial
    const ms = typeof value === 'string' ? parseTimeSpan(value) : undefined
    if (ms !== undefined && ms >= min && ms <= (max ?? Number.POSITIVE_INFINITY)) return ms
    const least = min > 0 ? [`at least ${min} ms`] : []
    const most = max === undefined ? [] : [`at most ${max / (24 * 3600 * 1000)} days`]
    throw this.#invalid(name, value, ['a time "hh:mm:ss"', ...least, ...most].join(', '))
  }

  /** One of some words, in any case. */
  word<Word extends string>(name: string, initial: Word, words: readonly Word[]): Word {
    const value = this.#values[name] ?? initial
    const found = words.find(word => typeof value === 'string' && value.toLowerCase() === word)
    if (found !== undefined) return found
    throw this.#invalid(name, value, words.map(word => `"${word}"`).join(' or '))
  }

  #invalid(name: string, value: unknown, rule: string): StartupError {
    return invalid(`${this.#path}.${name}`, value, rule)
  }
}

function invalid(path: string, value: unknown, rule: string): StartupError {
  return new StartupError(`host.json: ${path} is ${JSON.stringify(value)}, and must be ${rule}`)
}
