import type { OnnxGraph } from './onnx-file.ts'
import { imageShape } from './resnet50.ts'

/** The mean of each colour of an image: a model that computes next to nothing on inputs of 602 KB. */
export function imageMean(): OnnxGraph {
  const rest = imageShape.slice(1)
  return {
    name: 'image-mean',
    nodes: [
      { type: 'GlobalAveragePool', inputs: ['image'], output: 'average' },
      { type: 'Flatten', inputs: ['average'], output: 'means', attributes: { axis: 1 } },
    ],
    weights: [],
    input: { name: 'image', shape: ['batch', ...rest] },
    output: { name: 'means', shape: ['batch', 3] },
  }
}
