import type { Feeds, ModelSession, TensorInfo } from '../models/session/model-session.ts'
import { concatRows } from '../tensor/rows.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { stageMismatch } from './between-stages.ts'
import { countRows, sliceFeeds } from './row-feeds.ts'
import {
  alone,
  findRowAxis,
  hasEqualRows,
  mayShare,
  modelSharing,
  type RowSharing,
  scriptSharing,
} from './row-sharing.ts'

/** A stage. It may receive rows of several requests at once, and keeps their order. */
export interface Stage {
  readonly name: string
  /** Inputs by name; undefined for a script, which takes any tensors. */
  readonly inputs: readonly TensorInfo[] | undefined
  /** Outputs, if known before it runs. */
  readonly outputs: readonly TensorInfo[] | undefined
  /** Whether it takes any number of rows. */
  readonly takesAnyRowCount: boolean
  /** Whether rows of several requests may share a run. */
  readonly sharing: RowSharing
  /** @returns a Tensor or an object of Tensors for the next stage; the last stage may return any answer */
  run(feeds: Feeds): unknown
}

/**
 * Creates a stage that runs a model. Larger inputs run in slices: of `maxRows` if rows are proven to be independent, or of the
 * number of rows that its inputs are fixed to.
 */
export function modelStage(name: string, model: ModelSession, maxRows: number): Stage {
  const sharing = stageSharing(model)
  const fixedRows = fixedRowCount(model)
  const rowsPerRun = fixedRows ?? maxRows
  const [only] = model.outputs
  return {
    name,
    inputs: model.inputs,
    outputs: model.outputs,
    // A model fixed to one row takes any number of rows, one by one.
    takesAnyRowCount: fixedRows === undefined || fixedRows === 1,
    sharing,
    run: async feeds => {
      const mayCut = fixedRows === undefined ? mayShare(feeds, sharing) : hasEqualRows(feeds)
      const outputs = await (mayCut
        ? runInSlices({ stage: name, model, sharing, rowsPerRun }, feeds)
        : model.run(feeds))
      return model.outputs.length === 1 && only ? outputs[only.name] : outputs
    },
  }
}

/** Rows that run one by one are independent. */
function stageSharing(model: ModelSession): RowSharing {
  const { inputs, outputs } = model
  if (fixedRowCount(model) === 1 && outputs.every(({ shape }) => shape?.[0] === 1)) return { kind: 'shared' }
  const sharing = modelSharing(model)
  const other = inputs.find(({ name }) => sharing.kind === 'shared' && sharing.premises?.inputs.has(name) === false)
  return other ? alone(`input "${other.name}" of model "${model.name}" has a default instead of rows`) : sharing
}

/** @returns undefined unless all inputs are fixed to the same number of rows */
function fixedRowCount({ inputs }: ModelSession): number | undefined {
  const rows = inputs[0]?.shape?.[0]
  return typeof rows === 'number' && rows > 0 && inputs.every(({ shape }) => shape?.[0] === rows) ? rows : undefined
}

/**
 * Creates a stage that runs a script: `run({ data })`, or `run` with the names of the previous stage's outputs.
 *
 * @param rowsAreIndependent  `batching.rowsAreIndependent` of service.json
 */
export function scriptStage(
  name: string,
  run: (input: unknown) => unknown,
  rowsAreIndependent: boolean | undefined,
): Stage {
  const sharing = scriptSharing(`run() of stage "${name}"`, rowsAreIndependent)
  return { name, inputs: undefined, outputs: undefined, takesAnyRowCount: true, sharing, run }
}

interface SlicedModel {
  readonly stage: string
  readonly model: ModelSession
  readonly sharing: RowSharing
  readonly rowsPerRun: number
}

/** @param feeds  inputs with the same number of rows each */
async function runInSlices(
  { stage, model, sharing, rowsPerRun }: SlicedModel,
  feeds: Feeds,
): Promise<Record<string, Tensor>> {
  if (countRows(feeds) <= rowsPerRun) return model.run(feeds)
  const slices = sliceFeeds(feeds, rowsPerRun)
  const runs: Record<string, Tensor>[] = []
  for (const slice of slices) runs.push(await model.run(slice.feeds))
  return Object.fromEntries(
    model.outputs.map(({ name }) => {
      const parts = runs.map(outputs => outputs[name] as Tensor)
      // Rows of a single request need not be separated again.
      if (sharing.kind === 'alone') return [name, concatRows(parts)]
      const axis = findRowAxis(sharing.axes, name)
      for (const [index, { shape }] of parts.entries()) {
        const { rowCount } = slices[index] as (typeof slices)[number]
        if (shape[axis] !== rowCount)
          throw stageMismatch(
            `stage "${stage}" returned "${name}" with shape [${shape.join(', ')}] for ${rowCount} rows`,
          )
      }
      return [name, concatRows(parts, axis)]
    }),
  )
}
