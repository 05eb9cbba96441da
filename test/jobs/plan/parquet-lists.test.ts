import assert from 'node:assert/strict'
import * as fc from 'fast-check'
import type { SchemaTree } from 'hyparquet'
import * as assemble from 'hyparquet/src/assemble.js'
import { describe, it } from 'vitest'
import { ListRows } from '../../../src/jobs/plan/list-rows.ts'
import { rowsOfPages } from '../../../src/jobs/plan/parquet-lists.ts'
import type { ColumnPage } from '../../../src/jobs/plan/parquet-pages.ts'

/** `optional group v (LIST) { repeated group list { optional float element } }` */
const element: SchemaTree = {
  ...{ count: 1, children: [], path: ['v', 'list', 'element'] },
  element: { name: 'element', type: 'FLOAT', repetition_type: 'OPTIONAL' },
}
const list: SchemaTree = {
  ...{ count: 2, children: [element], path: ['v', 'list'] },
  element: { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
}
const column: SchemaTree = {
  ...{ count: 3, children: [list], path: ['v'] },
  element: { name: 'v', repetition_type: 'OPTIONAL', converted_type: 'LIST', num_children: 1 },
}
const root: SchemaTree = { count: 4, children: [column], path: [], element: { name: 'schema', num_children: 1 } }

type List = readonly (number | null)[] | null

/** Levels as the format defines them: 0 a null list, 1 an empty one, 2 a null element, 3 a number. */
function entriesOf(lists: readonly List[]) {
  return lists.flatMap<readonly [repetition: number, definition: number, value: number | null]>(each =>
    each === null || each.length === 0
      ? [[0, each === null ? 0 : 1, null]]
      : each.map((value, at) => [at === 0 ? 0 : 1, value === null ? 2 : 3, value]),
  )
}

function pageOf(entries: ReturnType<typeof entriesOf>): ColumnPage {
  const isFull = entries.every(([, definition]) => definition === 3)
  return {
    repetitions: entries.map(([repetition]) => repetition),
    definitions: isFull ? [] : entries.map(([, definition]) => definition),
    values: Float32Array.from(entries.flatMap(([, , value]) => (value === null ? [] : [value]))),
    dictionary: undefined,
  }
}

const lists = fc.array(fc.option(fc.array(fc.option(fc.integer({ max: 9, min: -9 }), { freq: 9 }), { maxLength: 5 })), {
  minLength: 1,
  maxLength: 12,
})

describe('rowsOfPages', () => {
  it('gives the same rows wherever pages end, also within a row', async () => {
    const rows = new ListRows({
      column,
      schemaPath: [root, column, list, element],
      traits: { kind: 'float32', list: [] },
      assemble,
    })
    await fc.assert(
      fc.asyncProperty(
        lists,
        fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 5 }),
        async (all, sizes) => {
          const entries = entriesOf(all)
          const pages: ColumnPage[] = []
          for (let at = 0, turn = 0; at < entries.length; turn++) {
            const size = sizes[turn % sizes.length] as number
            pages.push(pageOf(entries.slice(at, at + size)))
            at += size
          }
          const read: unknown[] = []
          for await (const { length, starts, numbers, others } of rowsOfPages(pages, rows))
            for (let row = 0; row < length; row++)
              read.push(
                others.has(row)
                  ? (others.get(row) ?? null)
                  : [...(numbers.subarray(starts[row], starts[row + 1]) as Float32Array)],
              )
          assert.deepEqual(read, all)
        },
      ),
    )
  })
})
