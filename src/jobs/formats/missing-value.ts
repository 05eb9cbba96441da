/** What stands in tables for a number that is missing, or infinite. */

/** `na_values` of `pandas.read_csv`, as they are by default. */
const missingTexts: ReadonlySet<string> = new Set([
  ...['', '#N/A', '#N/A N/A', '#NA', '-1.#IND', '-1.#QNAN', '-NaN', '-nan', '1.#IND', '1.#QNAN', '<NA>', 'N/A', 'NA'],
  ...['NULL', 'NaN', 'None', 'n/a', 'nan', 'null'],
])

const infinity = /^([+-]?)inf(?:inity)?$/i

export function isMissingText(text: string): boolean {
  return missingTexts.has(text)
}

/** @returns Python's word for it in JSON; undefined: it is something else */
export function nonFiniteWord(text: string): 'NaN' | 'Infinity' | '-Infinity' | undefined {
  if (missingTexts.has(text)) return 'NaN'
  const sign = infinity.exec(text)?.[1]
  return sign === undefined ? undefined : sign === '-' ? '-Infinity' : 'Infinity'
}
