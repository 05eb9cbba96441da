/**
 * The script that a user would write without any server: it reads files of rows, scores them on this thread and writes the predictions.
 *
 *     node plain-loop.ts <model.onnx> <rows per run> (<input> <output>)...
 *
 * prints the seconds that took, without the start of the process and of the model.
 */
import '../../src/adapters/onnxruntime/telemetry-off.ts'

import { once } from 'node:events'
import { createReadStream, createWriteStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { sessionOptions } from '../http/servers/session-options.ts'

const [model = '', batch = '1', ...files] = process.argv.slice(2)
const maxRows = Number(batch)
const session = await InferenceSession.create(model, sessionOptions)
const [name = ''] = session.inputNames
const [answer = ''] = session.outputNames
const [declared] = session.inputMetadata
const isDouble = declared?.isTensor === true && declared.type === 'float64'
const rowShape = declared?.isTensor === true ? declared.shape.slice(1).map(Number) : []

const startedAt = performance.now()
for (let at = 0; at < files.length; at += 2) await scoreFile(files[at] as string, files[at + 1] as string)
console.log(((performance.now() - startedAt) / 1000).toFixed(3))

async function scoreFile(input: string, output: string): Promise<void> {
  const isCsv = input.endsWith('.csv')
  const file = createWriteStream(output)
  let index = 0
  let rows: number[][] = []
  let isHeader = isCsv
  const write = async () => {
    const text = (await score(rows)).map(prediction => `${JSON.stringify({ index: index++, prediction })}\n`).join('')
    rows = []
    if (!file.write(text)) await once(file, 'drain')
  }
  for await (const line of createInterface({ input: createReadStream(input) })) {
    if (isHeader) isHeader = false
    else if (
      rows.push(isCsv ? line.split(',').map(Number) : JSON.parse(line).flat(Number.POSITIVE_INFINITY)) === maxRows
    )
      await write()
  }
  if (rows.length > 0) await write()
  file.end()
  await once(file, 'finish')
}

/** @returns the prediction of each row */
async function score(rows: number[][]): Promise<(number | undefined | number[])[]> {
  const values = rows.flat()
  const dims = [rows.length, ...rowShape]
  const tensor = isDouble
    ? new Tensor('float64', Float64Array.from(values), dims)
    : new Tensor('float32', Float32Array.from(values), dims)
  const result = (await session.run({ [name]: tensor }))[answer] as Tensor
  const perRow = result.data.length / rows.length
  return rows.map((_, row) => {
    const slice = Array.from(result.data.slice(row * perRow, (row + 1) * perRow) as Float64Array)
    return perRow === 1 ? slice[0] : slice
  })
}
