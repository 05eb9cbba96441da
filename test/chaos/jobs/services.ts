import { readFileSync } from 'node:fs'
import type { ServiceFiles } from '../../support/service-folder.ts'

/** First value of a row on which the script of `sum` ends its process, as a crash in native code would. */
export const killingValue = -1_000_000
/** First value of a row for which it throws. */
export const failingValue = -2_000_000

export const diabetesModel = readFileSync(new URL('../../../models/diabetes/1/model.onnx', import.meta.url))

const sum = `
    import { tensor } from 'scoring-functions'
    export const input = tensor([[1, 2, 3]])
    export function init() {}
    export function run({ data }) {
      const sums = []
      for (let at = 0; at < data.data.length; at += 3) {
        if (data.data[at] === ${killingValue}) process.kill(process.pid, 'SIGKILL')
        if (data.data[at] === ${failingValue}) throw new Error('cannot be summed')
        sums.push(data.data[at] + data.data[at + 1] + data.data[at + 2])
      }
      return sums
    }`
const sumDefinition = { entryScript: 'score.js', auth: { mode: 'none' }, batching: { rowsAreIndependent: true } }

/** `sum` adds the three values of a row, unless they are among those above; `diabetes` is the sample model. */
export const chaosServices: ServiceFiles = {
  'sum/service.json': sumDefinition,
  'sum/score.js': sum,
  'diabetes/service.json': { auth: { mode: 'none' }, models: { diabetes: { path: '1/model.onnx' } } },
  'diabetes/1/model.onnx': diabetesModel,
}

export const watchingService = 'watcher'
/** Adds the values of the rows of each file that comes into the folder. */
export const watchingServices: ServiceFiles = {
  [`${watchingService}/service.json`]: {
    ...sumDefinition,
    jobs: { watch: 'inbox/*.csv', output: 'watched/{name}.jsonl' },
  },
  [`${watchingService}/score.js`]: sum,
}
