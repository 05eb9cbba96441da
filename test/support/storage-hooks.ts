/** One call of a storage double, or one piece of it: a page of a list, a piece of a read. */
export interface StorageOperation {
  /** Method of the port. */
  readonly name: string
  /** `<container>/<path>`, a URL, or the name of a queue. */
  readonly target: string
  /** How many operations of the double came before. */
  readonly number: number
}

type Hook = (operation: StorageOperation) => unknown

/** Where a test steps into a double: it counts, and each hook may wait (another one's turn) or throw (a fault). */
export class StorageHooks {
  /** Called before anything happens: what it throws is a fault before the call took effect. */
  before: Hook = () => {}
  /** Called when all has happened: what it throws is a fault after the call took effect. */
  after: Hook = () => {}
  /** By method. */
  readonly counts = new Map<string, number>()
  #total = 0

  /** @param effect  runs in one go: nobody sees half of it */
  async around<Result>(name: string, target: string, effect: () => Result): Promise<Result> {
    const operation = { name, target, number: this.#total++ }
    this.counts.set(name, (this.counts.get(name) ?? 0) + 1)
    await this.before(operation)
    const result = effect()
    await this.after(operation)
    return result
  }
}

/** What a test throws from a hook: the storage did not answer as it should. */
export class StorageFault extends Error {
  override readonly name = 'StorageFault'
}
