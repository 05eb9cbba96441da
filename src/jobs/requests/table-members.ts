/** Members of a submission that say how tables are written. */
import * as z from 'zod'

const columnName = z.string().min(1).max(1000)
const isEachNamedOnce = (names: readonly string[]) => new Set(names).size === names.length
const namedTwice = 'must not name a column twice'

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
