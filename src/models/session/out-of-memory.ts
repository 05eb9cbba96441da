import { ScoringError } from '../../errors.ts'

/** A run needed more memory than the process could get. Whatever a worker holds of its own has a limit before that. */
export class ModelOutOfMemory extends ScoringError {
  /** Bytes of the tensor that there was no room for, if known. */
  readonly bytes: number | undefined

  constructor(bytes: number | undefined, cause: Error) {
    super('MODEL_RUN_FAILED', 'The model could not score this input. Check the logs for more info.', { cause })
    this.bytes = bytes
  }
}
