import type { Failure } from './row-state.ts'

/** Says why one operator's rows are not known to be independent: a phrase that follows the operator's name. */
export class NotProven extends Error {
  override readonly name: string = 'NotProven'
  /** The node in an inner graph, where the reason lies in one. */
  readonly failure: Failure | undefined

  constructor(reason: string, failure?: Failure) {
    super(reason)
    this.failure = failure
  }
}

/** The operator draws random numbers, so that even its constants differ from run to run. */
export class DrawsRandomNumbers extends NotProven {
  override readonly name = 'DrawsRandomNumbers'
}
