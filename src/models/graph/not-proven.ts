import type { Failure } from './row-state.ts'

/** Why one operator's rows are not known to be independent: a phrase that follows the operator's name. */
export class NotProven extends Error {
  override readonly name: string = 'NotProven'
  /** Where the reason lies in an inner graph, the node there. */
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
