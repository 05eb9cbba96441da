import { seededRandom } from '../../test/support/seeded-random.ts'
import { mlDomain, type OnnxGraph, type OnnxNode, type OnnxWeights } from './onnx-file.ts'

/** Blocks of each stage, which is twice as wide as the one before (He et al. 2015, table 1). */
export const fullBlocks: readonly number[] = [3, 4, 6, 3]
const expansion = 4
export const classCount = 1000

/** Channels of the first convolution and of the first stage in ResNet-50. */
export const fullWidth = 64

/** Pixels of a side of the images. */
export const fullSide = 224

/** Shape of one image. */
export const imageShape = [1, 3, fullSide, fullSide]

/** How a smaller network of the same kind is made. */
export interface NetworkSize {
  /** Channels of the first convolution. */
  readonly width?: number
  /** Pixels of a side of the images. */
  readonly side?: number
  readonly blocks?: readonly number[]
}

/**
 * ResNet-50 (25.5 million weights, 102 MB) with random weights, the batch normalisations folded into the convolutions
 * as in an exported model. The stride is on the 3x3 convolution, as in torchvision. Good for speed only.
 */
export function resnet50(size: NetworkSize = {}): OnnxGraph {
  const { nodes, weights, features, featureCount, add, weigh } = buildTrunk(size)
  weigh('classifier.weight', [classCount, featureCount])
  weights.push({ name: 'classifier.bias', shape: [classCount], data: new Float32Array(classCount) })
  add('Gemm', [features, 'classifier.weight', 'classifier.bias'], 'scores', { transB: 1 })
  return {
    name: 'resnet50',
    nodes,
    weights,
    input: imageInput(size),
    output: { name: 'scores', shape: ['batch', classCount] },
  }
}

/** The part of the same network that computes nearly all: images to 2048 features. */
export function resnet50Trunk(size: NetworkSize = {}): OnnxGraph {
  const { nodes, weights, features, featureCount } = buildTrunk(size)
  return {
    name: 'resnet50-trunk',
    nodes,
    weights,
    input: imageInput(size),
    output: { name: features, shape: ['batch', featureCount] },
  }
}

/**
 * The rest of the same network, with what a converter adds for a classifier: features to a probability for each label.
 *
 * @param labels  a name for each of the 1000 classes
 */
export function resnet50Head(labels: readonly string[], size: NetworkSize = {}): OnnxGraph {
  const whole = resnet50(size)
  const [flat, gemm] = whole.nodes.slice(-2) as [OnnxNode, OnnxNode]
  const attributes = { classlabels_strings: labels }
  return {
    name: 'resnet50-head',
    nodes: [
      gemm,
      { type: 'Softmax', inputs: [gemm.output], output: 'softmax', attributes: { axis: 1 } },
      { type: 'ZipMap', domain: mlDomain, inputs: ['softmax'], output: 'probabilities', attributes },
    ],
    weights: whole.weights.slice(-2),
    input: { name: flat.output, shape: ['batch', whole.weights.at(-2)?.shape[1] as number] },
    output: { name: 'probabilities' },
  }
}

const imageInput = ({ side = fullSide }: NetworkSize) => ({ name: 'image', shape: ['batch', 3, side, side] })

function buildTrunk({ width = fullWidth, blocks = fullBlocks }: NetworkSize) {
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

  const stem = relu(convolve('image', 'stem', 3, width, 7, 2))
  let pooled = add('MaxPool', [stem], 'pool', { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] })
  let channels = width
  for (const [stage, blockCount] of blocks.entries()) {
    const stageWidth = width * 2 ** stage
    for (let index = 0; index < blockCount; index++) {
      pooled = block(pooled, `stage${stage}.${index}`, channels, stageWidth, stage > 0 && index === 0 ? 2 : 1)
      channels = stageWidth * expansion
    }
  }
  const features = add('Flatten', [add('GlobalAveragePool', [pooled], 'average')], 'features', { axis: 1 })
  return { nodes, weights, features, featureCount: channels, add, weigh }
}
