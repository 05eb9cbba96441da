import type { JsonSchema } from './dialect.ts'

const text: JsonSchema = { type: 'string' }
const names: JsonSchema = { type: 'array', items: text, minItems: 1, maxItems: 1000, uniqueItems: true }

/** Members of the `output` of a submission that say what is written. */
export const outputTableMembers: Readonly<Record<string, JsonSchema>> = {
  include: {
    anyOf: [{ const: 'all' }, names],
    description: 'columns of the input that are copied to the output, e.g. an id; "all": every column',
  },
  columns: {
    ...names,
    description: 'outputs of the model, or members of what the script returns, that are written; default: all',
  },
}

/** What a job shows of its output. */
export const shownOutputMembers: Readonly<Record<string, JsonSchema>> = {
  include: { anyOf: [{ const: 'all' }, names] },
  columns: names,
}
