/** Answers as a table for people: a line for each row, a column for each value. */
import { splitAnswer, splitArray, splitObject } from '../../jobs/formats/split-json.ts'
import type { RowResult } from '../../jobs/row-scorer.ts'
import { cutText, formatTable, onOneLine, type Terminal } from '../terminal.ts'

/**
 * Lays out the answer to one request.
 *
 * @param json  JSON text
 * @returns undefined where the answer does not have an entry for each of its rows
 */
export function formatAnswer(json: string, terminal: Terminal): string | undefined {
  const rows = splitIntoRows(json)
  return (
    rows &&
    formatResults(
      rows.map(prediction => ({ prediction })),
      terminal,
    )
  )
}

/** @returns JSON text for each row: an entry of the list, or the members of an object of lists of equal length */
function splitIntoRows(json: string): string[] | undefined {
  const list = splitArray(json)
  if (list) return list.length > 0 ? list : undefined
  const members = splitObject(json)
  if (!members) return undefined
  const [first] = members.values()
  const count = first === undefined ? undefined : countEntries(first)
  return count === undefined || count === 0 ? undefined : splitAnswer(json, count)
}

function countEntries(json: string): number | undefined {
  const list = splitArray(json)
  if (list) return list.length
  const [first] = splitObject(json)?.values() ?? []
  return first === undefined ? undefined : countEntries(first)
}

/**
 * Lays out what became of rows; a row that failed has no values.
 *
 * @param firstRow  number of the first one, from 0 as in messages
 */
export function formatResults(results: readonly RowResult[], terminal: Terminal, firstRow = 0): string {
  const rows = results.map(result => ('prediction' in result ? flatten(result.prediction, []) : undefined))
  const paths = [...new Set(rows.flatMap(row => [...(row?.keys() ?? [])]))]
  const titles = chooseTitles(paths)
  const table = rows.map((row, index) => [
    String(firstRow + index),
    ...(row ? paths.map(path => row.get(path) ?? '') : [terminal.paint('red', 'failed')]),
  ])
  const columns = paths.map((path, index) => ({
    title: titles[index] as string,
    align: rows.every(row => isNumber(row?.get(path) ?? '0') || row?.get(path) === 'null')
      ? ('right' as const)
      : ('left' as const),
    overflow: 'cut' as const,
  }))
  return formatTable(table, terminal, { columns: [{ title: 'row', align: 'right' }, ...columns] })
}

/** The last part of a path, such as the name of a class, where that names one column only. */
function chooseTitles(paths: readonly string[]): string[] {
  const last = (path: string): string => onOneLine(JSON.parse(path).at(-1) ?? 'answer')
  const counts = new Map<string, number>()
  for (const path of paths) counts.set(last(path), (counts.get(last(path)) ?? 0) + 1)
  const isClear = (name: string) => counts.get(name) === 1 && !/^-?\d/.test(name)
  return paths.map(path => (isClear(last(path)) ? last(path) : onOneLine(JSON.parse(path).join('.')) || 'answer'))
}

/** Longer lists are one cell. */
const mostColumnsOfList = 8

/** @returns texts by path, which is JSON text of the list of its parts */
function flatten(json: string, path: readonly string[]): Map<string, string> {
  const key = JSON.stringify(path)
  const members = splitObject(json)
  if (members && members.size > 0)
    return new Map([...members].flatMap(([name, member]) => [...flatten(member, [...path, name])]))
  const list = splitArray(json)
  if (!list) return new Map([[key, plainText(json)]])
  if (list.length > mostColumnsOfList || list.some(entry => /^[[{]/.test(entry)))
    return new Map([[key, shortList(list)]])
  return new Map(
    list.map((entry, index) => [
      JSON.stringify([...path.slice(0, -1), `${path.at(-1) ?? ''}[${index}]`]),
      plainText(entry),
    ]),
  )
}

function shortList(list: readonly string[]): string {
  const shown = list.slice(0, 3).map(entry => cutText(plainText(entry), 20))
  return list.length > shown.length ? `[${shown.join(', ')}, …] (${list.length} values)` : `[${shown.join(', ')}]`
}

/** A text without its quotes; a number with six digits, which is enough to read. */
function plainText(json: string): string {
  if (json.startsWith('"')) return onOneLine(JSON.parse(json) as string)
  return isNumber(json) && json.length > 8 && /[.eE]/.test(json) ? String(Number(Number(json).toPrecision(6))) : json
}

function isNumber(text: string): boolean {
  return /^-?\d/.test(text) && Number.isFinite(Number(text))
}
