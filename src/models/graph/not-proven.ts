import type { Failure } from './row-state.ts'

/** The reason why an operator's rows are not known to be independent: a phrase that follows the operator's name. */
export class NotProven extends Error {
  override readonly name: string = 'NotProven'
  /** The node, if the reason is in an inner graph. */
  readonly failure: Failure | undefined

  constructor(reason: string, failure?: Failure) {
    super(reason)
    this.failure = failure
  }
}

/** The operator draws random numbers, so even results of constants differ between runs. */
export class DrawsRandomNumbers extends NotProven {
  override readonly name = 'DrawsRandomNumbers'
}
