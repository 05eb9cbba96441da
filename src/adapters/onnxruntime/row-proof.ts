import { closeSync, openSync, readSync } from 'node:fs'
import { isAbsolute, join, normalize, sep } from 'node:path'
import type { OnnxModel } from '../../models/graph/onnx-model.ts'
import type { ReadExternal } from '../../models/graph/onnx-tensor.ts'
import { proveRowIndependence } from '../../models/graph/prove-row-independence.ts'
import type { RowProof } from '../../models/session/model-session.ts'

/** The largest tensor that the proof reads, in bytes: it needs shapes and indexes, never weights. */
const mostExternalBytes = 2 ** 16

/**
 * Proves what the graph of a model says of its rows.
 *
 * @param folder  the folder of the model's file and of those with its weights
 */
export function proveRows(model: OnnxModel, folder: string): RowProof {
  return proveRowIndependence(model, { readExternal: readIn(folder) })
}

/** Reads from files below the folder only, as ONNX Runtime does. */
function readIn(folder: string): ReadExternal {
  return (location, offset, length) => {
    const path = normalize(location)
    if (length > mostExternalBytes || isAbsolute(path) || path.split(sep).includes('..')) return undefined
    try {
      const file = openSync(join(folder, path), 'r')
      try {
        const bytes = new Uint8Array(length)
        return readSync(file, bytes, 0, length, offset) === length ? bytes : undefined
      } finally {
        closeSync(file)
      }
    } catch {
      return undefined // the runtime says what is wrong with it
    }
  }
}
