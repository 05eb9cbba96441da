/**
 * Takes one rule away at a time, and counts how many of the proofs that this adds ONNX Runtime shows to be wrong: a check
 * that finds none has no teeth there. `node mutations.ts FOLDER PYTHON [NAME]`, after `variants.py make FOLDER`; minutes each.
 *
 * November 2026, ONNX Runtime 1.30, 18,190 variants of the suite and of contrib_cases.py (wrong, of proofs added and run):
 * broadcasting 352 of 358; rows on one axis 4 of 4; axis named is not the rows' 43 of 43; batch axis is the rows' 96 of 128;
 * weights constant 1 of 16; operands have the same rows 27 of 30; Softmax below 13 9 of 9; MaxPool's positions 4 of 4; Gather by
 * what rows say 2 of 3; Scan carries nothing 5 of 5; a vector is one row 1 of 2. With all rules: none wrong of 2,454. In 871 later
 * variants (contrib_cases.py): the number of rows as a value 1 of 1 (0 of 38 before), words of several cells 1 of 2 (0 of 2 before).
 * Nothing here finds Reshape's two rules (random-graphs.test.ts finds the first), rows in two orders (a handmade trap does), sums
 * over rows and cuts of rows: those runs fail, or give another number of rows and are thrown away.
 */
import { execFileSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { proveVariants } from './prove-variants.ts'

interface Mutation {
  readonly name: string
  readonly file: string
  readonly from: string
  readonly to: string
}

const room = 'src/models/graph'
const mutations: readonly Mutation[] = [
  {
    name: 'broadcasting: rows meet their like, 1 or nothing',
    file: 'broadcasting.ts',
    from: "if (involvesRows(a) || involvesRows(b)) throw new NotProven('combines the rows with a value of another length')",
    to: 'if (involvesRows(a) || involvesRows(b)) return involvesRows(a) ? a : b',
  },
  { name: 'rows lie on one axis only', file: 'row-state.ts', from: 'if (axes.length > 1 || ', to: 'if (' },
  {
    name: 'rows lie in one order',
    file: 'row-state.ts',
    from: 'if (!pres.every(other => sameSize(other, pre)))',
    to: 'if (false)',
  },
  {
    name: 'Reshape: as many entries before the rows',
    file: 'reshape.ts',
    from: 'const pre = divide(blocks, multiply(...shape.slice(0, axis)))',
    to: 'const pre = divide(blocks, multiply(...shape.slice(0, axis))) ?? multiply()',
  },
  {
    name: 'Reshape: a whole number of entries a row',
    file: 'reshape.ts',
    from: "throw new NotProven('may cut a row into another number of pieces than it joins')",
    to: 'return sizes.with(inferred, rowCount)',
  },
  {
    name: 'the axis named is not that of the rows',
    file: 'operator-call.ts',
    from: "if (state.kind === 'rows' && state.axis === axis) throw",
    to: 'if (false) throw',
  },
  {
    name: 'the batch axis is that of the rows',
    file: 'operator-call.ts',
    from: "if (state.kind === 'rows' && state.axis !== axis)",
    to: 'if (false)',
  },
  {
    name: 'weights, scales and the like are constant',
    file: 'operator-call.ts',
    from: "if (state?.kind === 'rows') throw new NotProven(",
    to: "if (state?.kind === 'rows') return { kind: 'constant', shape: state.shape }; if (false) throw new NotProven(",
  },
  {
    name: 'operands have the same rows',
    file: 'operator-call.ts',
    from: "if (a.kind !== 'rows' || b.kind !== 'rows') throw",
    to: "if (a.kind !== 'rows' || b.kind !== 'rows') return; if (false) throw",
  },
  {
    name: 'the number of rows is no value',
    file: 'operator-call.ts',
    from: "if (state.kind === 'rowCounts') throw new NotProven('computes with the number of rows')",
    to: "if (state.kind === 'rowCounts') return { kind: 'constant', shape: state.shape }",
  },
  {
    name: 'Softmax below opset 13 flattens',
    file: 'rules/normalizations.ts',
    from: "if (data.kind === 'rows' && data.axis >= axis) throw",
    to: 'if (false) throw',
  },
  {
    name: 'MaxPool: positions count through all rows',
    file: 'rules/convolutions.ts',
    from: "if (data.kind === 'rows' && call.isUsed(1)) throw",
    to: "if (data.kind === 'rows' && call.isUsed(1)) { const all = pool(call, data); return [all, all] } if (false) throw",
  },
  {
    name: 'products do not sum over the rows',
    file: 'rules/matrix-products.ts',
    from: 'if (involvesRows(left.at(-1) as Size) || involvesRows(right.at(-2) as Size))',
    to: 'if (false)',
  },
  {
    name: 'Gather: not rows by what rows say',
    file: 'rules/indexing.ts',
    from: "if (data.kind === 'rows' && indices.kind === 'rows')\n    throw",
    to: "if (data.kind === 'rows' && indices.kind === 'rows') return indices\n  if (false) throw",
  },
  {
    name: 'Gather, Slice: not rows by their position',
    file: 'rules/indexing.ts',
    from: "if (!isWhole(size, cut)) throw new NotProven('picks rows by their position in the request')",
    to: '',
  },
  {
    name: 'dynamic quantisation',
    file: 'rules/refused.ts',
    from: '  Range: call => {',
    to: '  DynamicQuantizeLinear: call => [call.tensor(0), constant([]), constant([])],\n  Range: call => {',
  },
  {
    name: 'a scan along the rows carries nothing',
    file: 'control-flow.ts',
    from: "if (carried.some(state => state.kind !== 'constant') || readsRows(body) || !handsOnUnchanged(body, carriedCount))",
    to: 'if (false)',
  },
  {
    name: 'words of several cells are not strung together',
    file: 'rules/reshaping.ts',
    from: "if (!isOneCell || call.int('axis', 1) !== 1)",
    to: 'if (false)',
  },
  {
    name: 'a vector is one row in ai.onnx.ml',
    file: 'rules/machine-learning.ts',
    from: "if (data.kind === 'rows' && data.shape.length !== 2)",
    to: 'if (false)',
  },
]

const [, , folder, python, only] = process.argv
if (!folder || !python) throw new Error('node mutations.ts FOLDER PYTHON [NAME]')
const before = proveVariants(folder)
for (const { name, file, from, to } of mutations.filter(each => !only || each.name.includes(only))) {
  const copy = mkdtempSync(join(tmpdir(), 'mutation-'))
  try {
    cpSync('src/models', join(copy, 'src/models'), { recursive: true })
    cpSync('src/tensor', join(copy, 'src/tensor'), { recursive: true })
    writeFileSync(join(copy, 'package.json'), '{"type": "module"}')
    const path = join(copy, room, file)
    const source = readFileSync(path, 'utf8')
    if (!source.includes(from)) throw new Error(`${file} has no "${from}"`)
    writeFileSync(path, source.replace(from, to))
    const mutant = await import(pathToFileURL(join(copy, room, 'prove-row-independence.ts')).href)
    const after = proveVariants(folder, mutant.proveRowIndependence)
    const added = after.map((verdict, index) =>
      verdict.kind === 'independent' && before[index]?.kind === 'dependent' ? verdict : null,
    )
    writeFileSync(join(folder, 'mutant.json'), JSON.stringify(added))
    const variants = join(import.meta.dirname, 'variants.py')
    const lines = execFileSync(python, [variants, 'check', folder, 'mutant.json'], { encoding: 'utf8' })
      .trim()
      .split('\n')
    const totals = JSON.parse(lines.at(-1) as string)
    console.log(
      `${name}: ${totals['proven, dependent']} wrong of ${added.filter(verdict => verdict !== null).length} (${totals['proven, not run']} could not be run)`,
    )
  } finally {
    rmSync(copy, { recursive: true, maxRetries: 9 })
  }
}
