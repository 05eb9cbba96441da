import { encodeModel } from '../../bench/models/onnx-file.ts'
import { seededRandom } from './seeded-random.ts'

/** Two convolutions whose weights ONNX Runtime lays out anew for the processor, and an open axis with a name. */
export function convolutions(seed: number, { pads = [1, 1, 1, 1], filters = 32 } = {}): Buffer {
  const random = seededRandom(seed)
  const weights = (name: string, shape: number[]) => {
    const data = Float32Array.from({ length: shape.reduce((all, size) => all * size, 1) }, () => random() - 0.5)
    return { name, shape, data }
  }
  const same = { kernel_shape: [3, 3], ...(pads.length > 0 && { pads }) }
  return Buffer.concat(
    encodeModel({
      name: 'convolutions',
      nodes: [
        { type: 'Conv', inputs: ['image', 'first.weight', 'first.bias'], output: 'first', attributes: same },
        { type: 'Relu', inputs: ['first'], output: 'active' },
        { type: 'Conv', inputs: ['active', 'second.weight'], output: 'scores', attributes: same },
      ],
      weights: [
        weights('first.weight', [filters, 3, 3, 3]),
        weights('first.bias', [filters]),
        weights('second.weight', [16, filters, 3, 3]),
      ],
      input: { name: 'image', shape: ['batch', 3, 'height', 20] },
      output: { name: 'scores', shape: ['batch', 16, 'height', 20] },
    }),
  )
}
