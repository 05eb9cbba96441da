/** Writes what the proof says of each variant in a folder (see variants.py): `node prove-variants.ts FOLDER`. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { proveRowIndependence, type RowIndependence } from '../../../../src/models/graph/prove-row-independence.ts'
import { readOnnxModel } from '../../../../src/models/graph/read-onnx-model.ts'
import { type RuleTable, ruleTable } from '../../../../src/models/graph/rule-table.ts'

interface Variant {
  readonly name: string
  readonly axes: Readonly<Record<string, number>>
}

export function proveVariants(folder: string, rules: RuleTable = ruleTable): readonly RowIndependence[] {
  const variants: Variant[] = JSON.parse(readFileSync(join(folder, 'variants.json'), 'utf8'))
  return variants.map(({ axes }, index) =>
    proveRowIndependence(readOnnxModel(readFileSync(join(folder, `${index}.onnx`))), {
      rules,
      rowAxisOf: input => axes[input],
    }),
  )
}

const [, program, folder] = process.argv
if (program === import.meta.filename && folder)
  writeFileSync(join(folder, 'verdicts.json'), JSON.stringify(proveVariants(folder)))
