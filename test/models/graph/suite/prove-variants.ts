/** Writes what the proof says of each variant in a folder (see variants.py): `node prove-variants.ts FOLDER`. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { proveRowIndependence } from '../../../../src/models/graph/prove-row-independence.ts'
import { readOnnxModel } from '../../../../src/models/graph/read-onnx-model.ts'

interface Variant {
  readonly name: string
  readonly axes: Readonly<Record<string, number>>
}

/** @returns what the proof says of each variant, with the axis of the rows of its output */
export function proveVariants(folder: string, prove = proveRowIndependence) {
  const variants: Variant[] = JSON.parse(readFileSync(join(folder, 'variants.json'), 'utf8'))
  return variants.map(({ axes }, index) => {
    const model = readOnnxModel(readFileSync(join(folder, `${index}.onnx`)))
    const proof = prove(model, { findRowAxis: input => axes[input] })
    return proof.kind === 'independent' ? { ...proof, rowAxis: [...proof.rowAxes.values()][0] } : proof
  })
}

const [, program, folder] = process.argv
if (program === import.meta.filename && folder)
  writeFileSync(join(folder, 'verdicts.json'), JSON.stringify(proveVariants(folder)))
