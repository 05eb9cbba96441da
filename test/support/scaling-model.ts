import { writeModel } from './onnx-writer.ts'

/** A model that multiplies rows of two numbers by a number, so that an answer tells which model gave it. */
export const scalingModel = (factor: number) =>
  writeModel({
    nodes: [{ op: 'Mul', inputs: ['x', 'factor'], outputs: ['y'] }],
    inputs: [['x', 'float32', ['N', 2]]],
    outputs: [['y', 'float32', ['N', 2]]],
    constants: [{ name: 'factor', dtype: 'float32', shape: [1], values: [factor] }],
  })
