import type { Tensor } from './tensor.ts'

/**
 * Tensors that are one output of a model, a list: one for each target of a multi-output classifier, say. Every one of
 * them has all rows, so that a list of as many tensors as there are rows is no list of rows.
 */
export class TensorList {
  readonly tensors: readonly Tensor[]

  constructor(tensors: readonly Tensor[]) {
    this.tensors = tensors
  }
}
