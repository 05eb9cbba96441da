import { seededRandom } from '../../test/support/seeded-random.ts'
import type { OnnxGraph, OnnxNode, OnnxWeights } from './onnx-file.ts'

/** Blocks and width of each stage (He et al. 2015, table 1). */
const stages = [
  { blocks: 3, width: 64 },
  { blocks: 4, width: 128 },
  { blocks: 6, width: 256 },
  { blocks: 3, width: 512 },
]
const expansion = 4
const classCount = 1000

/** Shape of one image. */
export const imageShape = [1, 3, 224, 224]

/**
 * ResNet-50 (25.5 million weights, 102 MB) with random weights, the batch normalisations folded into the convolutions
 * as in an exported model. The stride is on the 3x3 convolution, as in torchvision. Good for speed only.
 */
export function resnet50(): OnnxGraph {
  const nodes: OnnxNode[] = []
  const weights: OnnxWeights[] = []
  const random = seededRandom(50)

  /** He initialisation; `gain` keeps the sums of 16 residual blocks within float32's comfortable range. */
  const weigh = (name: string, shape: number[], gain = 1) => {
    const fanIn = shape.slice(1).reduce((product, size) => product * size, 1)
    const limit = gain * Math.sqrt(6 / fanIn)
    const data = new Float32Array(shape.reduce((product, size) => product * size, 1))
    for (let index = 0; index < data.length; index++) data[index] = (random() * 2 - 1) * limit
    weights.push({ name, shape, data })
  }
  const add = (type: string, inputs: string[], output: string, attributes?: OnnxNode['attributes']) => {
    nodes.push({ type, inputs, output, attributes })
    return output
  }
  const convolve = (input: string, name: string, from: number, to: number, size: number, stride: number, gain = 1) => {
    weigh(`${name}.weight`, [to, from, size, size], gain)
    weights.push({ name: `${name}.bias`, shape: [to], data: new Float32Array(to).fill(0.01) })
    const pad = (size - 1) / 2
    return add('Conv', [input, `${name}.weight`, `${name}.bias`], name, {
      kernel_shape: [size, size],
      strides: [stride, stride],
      pads: [pad, pad, pad, pad],
    })
  }
  const relu = (input: string) => add('Relu', [input], `${input}.relu`)

  const block = (input: string, name: string, from: number, width: number, stride: number) => {
    const to = width * expansion
    const narrow = relu(convolve(input, `${name}.conv1`, from, width, 1, 1))
    const spatial = relu(convolve(narrow, `${name}.conv2`, width, width, 3, stride))
    const wide = convolve(spatial, `${name}.conv3`, width, to, 1, 1, 0.3)
    const shortcut = from === to ? input : convolve(input, `${name}.downsample`, from, to, 1, stride)
    return relu(add('Add', [wide, shortcut], `${name}.sum`))
  }

  const stem = relu(convolve('image', 'stem', 3, 64, 7, 2))
  let features = add('MaxPool', [stem], 'pool', { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] })
  let channels = 64
  for (const [stage, { blocks, width }] of stages.entries()) {
    for (let index = 0; index < blocks; index++) {
      features = block(features, `stage${stage}.${index}`, channels, width, stage > 0 && index === 0 ? 2 : 1)
      channels = width * expansion
    }
  }
  const flat = add('Flatten', [add('GlobalAveragePool', [features], 'average')], 'features', { axis: 1 })
  weigh('classifier.weight', [classCount, channels])
  weights.push({ name: 'classifier.bias', shape: [classCount], data: new Float32Array(classCount) })
  add('Gemm', [flat, 'classifier.weight', 'classifier.bias'], 'scores', { transB: 1 })

  return {
    name: 'resnet50',
    nodes,
    weights,
    input: { name: 'image', shape: ['batch', ...imageShape.slice(1)] },
    output: { name: 'scores', shape: ['batch', classCount] },
  }
}
