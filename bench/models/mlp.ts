import { seededRandom } from '../../test/support/seeded-random.ts'
import type { OnnxGraph, OnnxNode, OnnxWeights } from './onnx-file.ts'

/** Units of each layer: 12.5 million weights, 50 MB. */
const widths = [1024, 2048, 2048, 2048, 1000]

/** Float32 values of one row. */
export const rowLength = 1024

/**
 * A multilayer perceptron with random weights. Every row of a run needs all weights, and reading them from memory takes
 * longer than the arithmetic of one row: the model that gains most from rows that run together.
 */
export function mlp(): OnnxGraph {
  const nodes: OnnxNode[] = []
  const weights: OnnxWeights[] = []
  const random = seededRandom(2048)
  let value = 'features'
  for (let layer = 1; layer < widths.length; layer++) {
    const [from, to] = [widths[layer - 1] as number, widths[layer] as number]
    const limit = Math.sqrt(6 / from) // He initialisation
    const data = Float32Array.from({ length: from * to }, () => (random() * 2 - 1) * limit)
    weights.push({ name: `layer${layer}.weight`, shape: [to, from], data })
    weights.push({ name: `layer${layer}.bias`, shape: [to], data: new Float32Array(to).fill(0.01) })
    const isLast = layer === widths.length - 1
    const sum = isLast ? 'scores' : `layer${layer}`
    const inputs = [value, `layer${layer}.weight`, `layer${layer}.bias`]
    nodes.push({ type: 'Gemm', inputs, output: sum, attributes: { transB: 1 } })
    if (!isLast) nodes.push({ type: 'Relu', inputs: [sum], output: `${sum}.relu` })
    value = `${sum}.relu`
  }
  return {
    name: 'mlp',
    nodes,
    weights,
    input: { name: 'features', shape: ['batch', rowLength] },
    output: { name: 'scores', shape: ['batch', widths.at(-1) as number] },
  }
}
