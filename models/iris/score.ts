/**
 * Names the species of iris flowers.
 *
 * Takes    {"data": [[5.1, 3.4, 1.5, 0.2], ...]}: sepal length, sepal width, petal length, petal width, in cm
 * Returns  {"labels": ["setosa", ...], "probabilities": [[0.97, 0.03, 0.00], ...]}: setosa, versicolor, virginica
 */

import { type InitContext, type ModelSession, Tensor } from 'scoring-functions'

let iris: ModelSession

/** Called once per worker thread, before its first request. */
export async function init({ loadModel }: InitContext) {
  iris = await loadModel('iris') // the name under "models" in service.json
}

/** Called once per request: one string in, anything JSON can hold out. */
export async function run(rawData: string) {
  const rows = decodeRows(rawData)
  if (!rows) {
    const message = 'send {"data": [[sepal length, sepal width, petal length, petal width], ...]}, one row per flower'
    return Response.json({ message }, { status: 400 })
  }
  const { label, probabilities } = await iris.run({ features: Tensor.from('float32', rows) })
  return { labels: label, probabilities }
}

/** The rows under "data", or undefined when there are none. What is in a row is checked later, against the model. */
function decodeRows(rawData: string): number[][] | undefined {
  try {
    const body = JSON.parse(rawData) as { data?: number[][] } | null
    return Array.isArray(body?.data) && body.data.length > 0 ? body.data : undefined
  } catch {
    return undefined // not JSON
  }
}
