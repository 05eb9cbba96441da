/** Members of a submission that say how tables are read and written. */
import * as z from 'zod'

const columnName = z.string().min(1).max(1000)
const isEachNamedOnce = (names: readonly string[]) => new Set(names).size === names.length
const namedTwice = 'must not name a column twice'

/** Of ASCII, and not part of a name or a number. */
const bareCharacter = /^[\t!-*,/:-@[-`{-~]$/
const bareCharacterOrNone = /^[\t!-*,/:-@[-`{-~]?$/

/** Members of `input`. */
export const inputTableMembers = {
  delimiter: z
    .string()
    .regex(bareCharacter, 'must be one character of ASCII, no letter, digit, space, ".", "+" or "-", e.g. ";" or "\\t"')
    .optional()
    .describe('what separates the cells of a CSV; default: a comma'),
  quote: z
    .string()
    .regex(bareCharacterOrNone, 'must be one character, e.g. "\'", or "" for none')
    .optional()
    .describe(
      'what stands around cells of a CSV that hold a delimiter or a line end; default: a double quote; "": nothing',
    ),
  na: z
    .array(z.string().min(1).max(100))
    .min(1)
    .max(100)
    .optional()
    .describe('texts of missing values in a CSV, besides those of pandas'),
  decimal: z
    .enum(['.', ','], 'must be "," or "."')
    .optional()
    .describe('what stands before the decimals of numbers in a CSV; default: a point'),
  thousands: z
    .enum([',', '.', ' ', "'", '_'], 'must be ",", ".", " ", "\'" or "_"')
    .optional()
    .describe('what stands between the thousands of numbers in a CSV; default: nothing'),
}

/** Members of `output`. */
export const outputTableMembers = {
  isGzip: z.boolean().optional().describe('whether the file is compressed; default: by the extension .gz'),
  include: z
    .union([z.literal('all'), z.array(columnName).min(1).max(1000).refine(isEachNamedOnce, namedTwice)], {
      error: issue =>
        issue.code === 'invalid_union' ? 'must be a list of 1 to 1000 names, each once, or "all"' : undefined,
    })
    .optional()
    .describe('columns of the input that are copied to the output, e.g. an id; "all": every column'),
  columns: z
    .array(columnName)
    .min(1)
    .max(1000)
    .refine(isEachNamedOnce, namedTwice)
    .optional()
    .describe('outputs of the model, or members of what the script returns, that are written; default: all'),
}
