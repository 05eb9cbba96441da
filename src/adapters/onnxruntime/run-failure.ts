import { ScoringError } from '../../errors.ts'
import { ModelOutOfMemory } from '../../models/session/out-of-memory.ts'

/**
 * Says what a failed run means for the caller. Sizes that do not go together and indexes beyond a table are found only
 * while the model runs, and are the caller's fault. Requests that shared the run failed with it, and run again alone.
 */
export function runFailure(cause: Error): ScoringError {
  const operator = /while running (\w+) node/.exec(cause.message)?.[1]
  if (operator !== undefined) {
    for (const [pattern, code, reason] of callersFaults) {
      const match = pattern.exec(cause.message)
      if (match)
        return new ScoringError(code, `the model cannot score this input: ${reason(operator, match)}`, { cause })
    }
  }
  const allocation = /Failed to allocate memory for requested buffer of size (\d+)|bad_alloc/.exec(cause.message)
  if (allocation) return new ModelOutOfMemory(allocation[1] === undefined ? undefined : Number(allocation[1]), cause)
  return new ScoringError('MODEL_RUN_FAILED', 'The model could not score this input. Check the logs for more info.', {
    cause,
  })
}

type Reason = (operator: string, match: RegExpExecArray) => string

const sizesDiffer: Reason = operator => `sizes in it do not go together (found by the operator ${operator})`

/** Messages of ONNX Runtime (1.30). The reasons repeat sizes of the model's own tables, never values that the caller sent. */
const callersFaults: readonly (readonly [RegExp, 'INPUT_INVALID' | 'INPUT_SHAPE_MISMATCH', Reason])[] = [
  [
    /indices element out of data bounds, idx=-?\d+ must be within the inclusive range (\[-?\d+,-?\d+\])/,
    'INPUT_INVALID',
    (operator, [, range]) => `an index lies outside ${range} (found by the operator ${operator})`,
  ],
  [
    /invalid indice? found, indice? = -?\d+/i,
    'INPUT_INVALID',
    operator => `an index lies outside the table that it is for (found by the operator ${operator})`,
  ],
  [
    /Integer division by zero/,
    'INPUT_INVALID',
    operator => `a whole number would be divided by zero (found by the operator ${operator})`,
  ],
  [/Attempting to broadcast an axis by a dimension other than 1\. \d+ by \d+/, 'INPUT_SHAPE_MISMATCH', sizesDiffer],
  [/MatMul dimension mismatch/, 'INPUT_SHAPE_MISMATCH', sizesDiffer],
  [/Non concat axis dimensions must match/, 'INPUT_SHAPE_MISMATCH', sizesDiffer],
  [/cannot be reshaped to the requested shape/, 'INPUT_SHAPE_MISMATCH', sizesDiffer],
  [/invalid expand shape/, 'INPUT_SHAPE_MISMATCH', sizesDiffer],
]
