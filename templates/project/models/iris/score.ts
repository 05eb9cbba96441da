import { type InitContext, type ModelSession, type Tensor, tensor } from 'scoring-functions'

let iris: ModelSession

/** One row, as an example: sepal length, sepal width, petal length, petal width. */
export const input = tensor([[5.1, 3.4, 1.5, 0.2]], 'float32')

/** Runs once in every worker thread, before its first request. */
export async function init({ loadModel }: InitContext) {
  iris = await loadModel()
}

/** Runs for each request. `data` is its rows, checked against `input`. */
export async function run({ data }: { data: Tensor }) {
  const { label, probabilities } = await iris.run({ features: data })
  return { species: label, probabilities }
}
