/** How the input of a batch job is written: members of `input` in a submission, and of `jobs.input` in `service.json`. */
import * as z from 'zod'

export const inputFormats = ['jsonl', 'csv', 'json', 'parquet'] as const
export type InputFormat = (typeof inputFormats)[number]

/** Of ASCII, and not part of a name or a number. */
const bareCharacter = /^[\t!-*,/:-@[-`{-~]$/
const bareCharacterOrNone = /^[\t!-*,/:-@[-`{-~]?$/

/** Makes the schemas of the members. Most services say none of them. */
export const inputFormMembers = () => ({
  format: z
    .enum(inputFormats)
    .optional()
    .describe('default: by the extension of the name (.jsonl .ndjson .csv .json .parquet, each also with .gz)'),
  isGzip: z.boolean().optional().describe('default: by the extension .gz'),
  header: z
    .boolean()
    .optional()
    .describe(
      'whether the first line of a CSV names its columns; default: true, but a first line that looks like a row is refused',
    ),
  columns: z
    .array(z.string().min(1).max(1000))
    .min(1)
    .max(100_000)
    .refine(names => new Set(names).size === names.length, 'must not name a column twice')
    .optional()
    .describe(
      'names of the columns of a table, or of the values of JSON records, that make a row, in the order of the model input; with "header": false the names of the file\'s columns, from left to right',
    ),
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
})

export const InputForm = z.lazy(() => z.strictObject(inputFormMembers()))
export type InputForm = z.infer<typeof InputForm>

/** Members that apply to CSV alone. */
const csvMembers = ['header', 'delimiter', 'quote', 'na', 'decimal', 'thousands'] as const

/**
 * Finds members that do not go together, or not with the format.
 *
 * @returns the first of them, and what is wrong with it; undefined: nothing is
 */
export function findFormFault(form: InputForm, format: InputFormat): { member: string; fault: string } | undefined {
  const { delimiter = ',', quote, decimal = '.', thousands } = form
  const foreign = format === 'csv' ? undefined : csvMembers.find(member => form[member] !== undefined)
  if (foreign !== undefined) return { member: foreign, fault: `applies to CSV only; the input is ${format}` }
  if (quote === delimiter) {
    const what = `is ${JSON.stringify(quote)}, which separates the columns`
    return { member: 'quote', fault: `${what}; set another "delimiter" or "quote"` }
  }
  if (thousands !== decimal) return undefined
  const what = `is ${JSON.stringify(thousands)}, which stands before the decimals`
  return { member: 'thousands', fault: `${what}; set another "decimal" or "thousands"` }
}
