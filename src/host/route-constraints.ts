import { StartupError } from '../errors.ts'

/** Whether a parameter's value satisfies a constraint. */
export type Constraint = (value: string) => boolean

const int32 = [-(2n ** 31n), 2n ** 31n - 1n] as const
const int64 = [-(2n ** 63n), 2n ** 63n - 1n] as const
const real = /^\s*[+-]?(\d{1,3}(,\d{3})+|\d+)?\.?\d*(e[+-]?\d+)?\s*$/i
const guid =
  /^\s*([0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|\{[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\}|\([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\))\s*$/i

/** The constraints of ASP.NET Core routing by name; what they take is checked when the route is made. */
const constraints: Readonly<Record<string, (args: string) => Constraint>> = {
  int: () => value => isWithin(value, ...int32),
  long: () => value => isWithin(value, ...int64),
  bool: () => value => /^\s*(true|false)\s*$/i.test(value),
  guid: () => value => guid.test(value),
  alpha: () => value => /^[a-z]*$/i.test(value),
  decimal: () => isReal,
  double: () => isReal,
  float: () => isReal,
  datetime: () => isDateTime,
  length: args => {
    const [least, most = least] = wholeNumbers(args, 1, 2)
    return value => value.length >= least! && value.length <= most!
  },
  minlength: args => {
    const [least] = wholeNumbers(args, 1, 1)
    return value => value.length >= least!
  },
  maxlength: args => {
    const [most] = wholeNumbers(args, 1, 1)
    return value => value.length <= most!
  },
  min: args => {
    const [least] = wholeNumbers(args, 1, 1)
    return value => isWithin(value, BigInt(least!), int64[1])
  },
  max: args => {
    const [most] = wholeNumbers(args, 1, 1)
    return value => isWithin(value, int64[0], BigInt(most!))
  },
  range: args => {
    const [least, most] = wholeNumbers(args, 2, 2)
    return value => isWithin(value, BigInt(least!), BigInt(most!))
  },
  regex: args => {
    const pattern = new RegExp(args, 'i')
    return value => pattern.test(value)
  },
  required: () => value => value.length > 0,
}

/**
 * @param text  one constraint as written in a route, e.g. `int` or `length(2,5)`
 * @throws StartupError when there is none of that name, or when it does not take these arguments
 */
export function parseConstraint(text: string): Constraint {
  const [, name = '', args = ''] = /^([^(]*)(?:\((.*)\))?$/s.exec(text.trim()) ?? []
  const make = Object.hasOwn(constraints, name.toLowerCase()) ? constraints[name.toLowerCase()] : undefined
  if (!make) throw new StartupError(`unknown route constraint "${text}"`)
  try {
    return make(args)
  } catch (cause) {
    throw new StartupError(`route constraint "${text}": ${(cause as Error).message}`, { cause })
  }
}

function wholeNumbers(args: string, least: number, most: number): number[] {
  const numbers = args.split(',').map(each => each.trim())
  if (numbers.length < least || numbers.length > most || !numbers.every(each => /^-?\d{1,15}$/.test(each))) {
    throw new Error(`expects ${least === most ? least : `${least} or ${most}`} whole numbers`)
  }
  return numbers.map(Number)
}

function isWithin(value: string, least: bigint, most: bigint): boolean {
  if (value.length > 40 || !/^\s*[+-]?\d+\s*$/.test(value)) return false
  const number = BigInt(value.trim().replace(/^\+/, ''))
  return number >= least && number <= most
}

/** What JavaScript reads as a date; .NET's invariant culture knows some more forms. */
function isDateTime(value: string): boolean {
  if (!/\d/.test(value) || /^\d+$/.test(value)) return false
  return !Number.isNaN(Date.parse(value.replace(/(\d)([ap]m)\b/i, '$1 $2')))
}

function isReal(value: string): boolean {
  return value.length <= 400 && /\d/.test(value) && real.test(value)
}
