import type { JsonSchema } from './dialect.ts'

const text: JsonSchema = { type: 'string' }
const names: JsonSchema = { type: 'array', items: text, minItems: 1, maxItems: 1000, uniqueItems: true }

/** Members of the `input` of a submission that say how a CSV is written. */
export const inputTableMembers: Readonly<Record<string, JsonSchema>> = {
  delimiter: {
    ...text,
    minLength: 1,
    maxLength: 1,
    description: 'what separates the cells of a CSV; default: a comma',
  },
  quote: {
    ...text,
    maxLength: 1,
    description: 'what stands around cells of a CSV; default: a double quote; "": nothing',
  },
  na: {
    ...{ type: 'array', items: { ...text, minLength: 1, maxLength: 100 }, minItems: 1, maxItems: 100 },
    description: 'texts of missing values in a CSV, besides those of pandas',
  },
  decimal: {
    ...{ type: 'string', enum: ['.', ','] },
    description: 'what stands before the decimals of numbers in a CSV; default: a point',
  },
  thousands: {
    ...{ type: 'string', enum: [',', '.', ' ', "'", '_'] },
    description: 'what stands between the thousands of numbers in a CSV; default: nothing',
  },
}

/** Members of the `output` of a submission that say what is written. */
export const outputTableMembers: Readonly<Record<string, JsonSchema>> = {
  isGzip: { type: 'boolean', description: 'default: by the ending .gz' },
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
  isGzip: { type: 'boolean' },
  include: { anyOf: [{ const: 'all' }, names] },
  columns: names,
}
