import { readFileSync } from 'node:fs'
import type { ServiceFiles } from '../../support/service-folder.ts'

/** First value of a row on which the script of `sum` ends its process, as a crash in native code would. */
export const killingValue = -1_000_000
/** First value of a row for which it throws. */
export const failingValue = -2_000_000

const diabetes = new URL('../../../models/diabetes/', import.meta.url)

/** `sum` adds the three values of a row, unless they are among those above; `diabetes` is the sample model. */
export const chaosServices: ServiceFiles = {
  'sum/service.json': { entryScript: 'score.js', auth: { mode: 'none' }, batching: { rowsAreIndependent: true } },
  'sum/score.js': `
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
    }`,
  'diabetes/service.json': { auth: { mode: 'none' }, models: { diabetes: { path: '1/model.onnx' } } },
  'diabetes/1/model.onnx': readFileSync(new URL('1/model.onnx', diabetes)),
}
