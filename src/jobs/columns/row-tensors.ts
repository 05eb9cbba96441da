import { ScoringError } from '../../errors.ts'
import type { Feeds } from '../../models/session/model-session.ts'
import { Tensor } from '../../tensor/tensor.ts'
import { type RowTarget, rowTargets } from './row-target.ts'

/** Rows that have to be scored in requests of their own, as over HTTP. */
export class NotForColumns extends ScoringError {
  constructor(why: string) {
    super('INPUT_INVALID', `the rows cannot be scored together: ${why}`)
  }
}

interface ColumnTensor extends Pick<Tensor, 'dtype' | 'data'> {
  /** Of one row. */
  readonly shape: readonly number[]
  readonly targets: readonly RowTarget[]
}

/** The tensors that rows are read into, with room for all of them. */
export class RowTensors {
  readonly #tensors: ReadonlyMap<string, ColumnTensor>

  /** @param first  the tensors of one row */
  constructor(first: Feeds, rowCount: number) {
    this.#tensors = new Map(
      Object.entries(first).map(([name, { dtype, shape, data }]) => {
        if (shape[0] !== 1) throw new NotForColumns('a row is not one entry of each input')
        const targets = rowTargets(dtype, rowCount, data.length)
        const [target] = targets
        if (!target) throw new NotForColumns('a row holds no values')
        return [name, { dtype, shape: shape.slice(1), data: target.data, targets }]
      }),
    )
  }

  get count(): number {
    return this.#tensors.size
  }

  find(name: string): ColumnTensor | undefined {
    return this.#tensors.get(name)
  }

  /** Whether decoded rows are of the same form as these. */
  fit(feeds: Feeds, rowCount: number): boolean {
    const names = Object.keys(feeds)
    return (
      names.length === this.count &&
      names.every(name => {
        const [own, { dtype, shape }] = [this.find(name), feeds[name] as Tensor]
        const sizes = own && [rowCount, ...own.shape]
        return own?.dtype === dtype && sizes?.length === shape.length && sizes.every((size, at) => size === shape[at])
      })
    )
  }

  /** Copies a row of decoded ones. */
  store(feeds: Feeds, row: number, slot: number): void {
    for (const [name, { data, targets }] of this.#tensors) {
      const width = targets.length
      const source = (feeds[name] as Tensor).data
      for (let at = 0; at < width; at++) data[slot * width + at] = source[row * width + at] as never
    }
  }

  /** @param without  slots of rows to leave out, ascending */
  feeds(count: number, without: readonly number[]): Feeds {
    const left = count - without.length
    if (left === 0) return {}
    return Object.fromEntries(
      [...this.#tensors].map(([name, { dtype, shape, data, targets }]) => {
        const width = targets.length
        closeGaps(data, { count, without, width })
        const elements = Array.isArray(data) ? data.slice(0, left * width) : data.subarray(0, left * width)
        return [name, new Tensor(dtype, elements, [left, ...shape])]
      }),
    )
  }
}

/** Moves rows to the place of those that are left out. */
function closeGaps(
  data: Tensor['data'],
  { count, without, width }: { count: number; without: readonly number[]; width: number },
): void {
  for (const [moved, gap] of without.entries()) {
    const end = (without[moved + 1] ?? count) * width
    data.copyWithin((gap - moved) * width, (gap + 1) * width, end)
  }
}
