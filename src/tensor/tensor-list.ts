import type { Tensor } from './tensor.ts'

/**
 * A list of tensors that is one output of a model, e.g. one for each target of a multi-output classifier. Each of them has
 * all rows, so a list of as many tensors as there are rows is no list of rows.
 */
export class TensorList {
  readonly tensors: readonly Tensor[]

  constructor(tensors: readonly Tensor[]) {
    this.tensors = tensors
  }
}
