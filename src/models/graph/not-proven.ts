/** Says why one operator's rows are not known to be independent: a phrase that follows the operator's name. */
export class NotProven extends Error {
  override readonly name: string = 'NotProven'
  /** Whether the reason is a whole sentence about a node in an inner graph. */
  readonly namesNode: boolean

  constructor(reason: string, namesNode = false) {
    super(reason)
    this.namesNode = namesNode
  }
}

/** The operator draws random numbers, so that even its constants differ from run to run. */
export class DrawsRandomNumbers extends NotProven {
  override readonly name = 'DrawsRandomNumbers'
}
