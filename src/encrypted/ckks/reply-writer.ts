import { type Factor, power } from '../ring.ts'
import { concatFields, type Field, type Header, header, headerBytes } from '../seal-fields.ts'
import { ciphertextFields } from './check.ts'
import type { CkksContext, Extended } from './context.ts'
import type { Divisible, KeySwitch } from './key-switch.ts'
import { degree, main, parameterIds, type RotationStep } from './parameters.ts'
import type { PreparedKeys } from './prepared-keys.ts'
import type { PreparedModel } from './prepared-model.ts'

/** The reply of a pair, as points: c0 times special, and c1 as digits at main and special. */
interface Reply {
  readonly c0: Divisible
  readonly c1: Divisible
}

const replyHeader: Header = { major: 3, minor: 5, compression: 'none' }
const polynomialBytes = degree * 8

/** Takes the replies of all pairs out of the sum that has them in its slots, and writes them as SEAL 3.5 does. */
export class ReplyWriter {
  readonly #context: CkksContext
  readonly #keySwitch: KeySwitch
  /** From the reply of pair 0 to the one that is written. */
  readonly #replies: Reply[] = []
  readonly #work: Divisible
  /** What X^(n/2) is at the points of each half, times -1. */
  readonly #unit: readonly [Factor, Factor]

  constructor(context: CkksContext, keySwitch: KeySwitch) {
    this.#context = context
    this.#keySwitch = keySwitch
    this.#work = context.allocate()
    const unit = power(main.root, BigInt(degree / 2), main.q)
    this.#unit = [context.main.factor(-unit), context.main.factor(unit)]
  }

  /**
   * @param c0  points times special. Those at main and special were divided by middle, and still have the remainder at middle.
   * @param c1  coefficients at main
   */
  write(c0: Extended, c1: number, model: PreparedModel, keys: PreparedKeys): Uint8Array[] {
    const context = this.#context
    const first = this.#reply(0)
    this.#divideByMiddle(first.c0, c0)
    context.copy(first.c1.main, c1)
    const out: Uint8Array[] = []
    const { pairCount, period } = model.plan
    if (pairCount === 1) {
      context.main.toPoints(first.c1.main)
      this.#writePair(0, first, model, out)
    } else this.#writeAll(0, period, 0, model, keys, out)
    return out
  }

  #divideByMiddle(target: Divisible, points: Extended): void {
    const { main, middle, special, minusOverMiddle, minusOverMiddleAtSpecial } = this.#context
    middle.toCoefficients(points.middle)
    main.convert(target.main, points.middle, middle)
    main.toPoints(target.main)
    main.scale(target.main, target.main, minusOverMiddle)
    main.add(target.main, points.main)
    special.convert(target.special, points.middle, middle)
    special.toPoints(target.special)
    special.scale(target.special, target.special, minusOverMiddleAtSpecial)
    special.add(target.special, points.special)
  }

  /**
   * Writes the replies of a pair and of those that follow it, which come from its own.
   *
   * @param size   a power of two from 2: this pair and its followers, as far as there are so many
   * @param depth  of the pair's reply, whose c1.main still has coefficients
   */
  #writeAll(pair: number, size: number, depth: number, model: PreparedModel, keys: PreparedKeys, out: Uint8Array[]) {
    const { main, special } = this.#context
    const keySwitch = this.#keySwitch
    const { c0, c1 } = this.#reply(depth)
    special.convert(c1.special, c1.main, main)
    special.toPoints(c1.special)
    main.toPoints(c1.main)
    this.#writePair(pair, { c0, c1 }, model, out)
    const { pairCount } = model.plan
    for (let step = 1; step < size && pair + step < pairCount; step *= 2) {
      const next = this.#reply(depth + 1)
      keySwitch.load(step as RotationStep, keys)
      keySwitch.rotateFirst(next.c0, c0, false, c1)
      keySwitch.rotateSecond(next.c1, c1)
      if (step === 1 || pair + step + 1 >= pairCount) {
        keySwitch.dividePoints(next.c1)
        this.#writePair(pair + step, next, model, out)
        continue
      }
      keySwitch.divideToCoefficients(next.c1)
      this.#writeAll(pair + step, step, depth + 1, model, keys, out)
    }
  }

  #reply(depth: number): Reply {
    this.#replies[depth] ??= { c0: this.#context.allocate(), c1: this.#context.allocate() }
    return this.#replies[depth]
  }

  /** Writes the ciphertexts of a pair's classes: the reply, and the reply times -X^(n/2), which is -i in slot 0. */
  #writePair(pair: number, { c0, c1 }: Reply, { plan, bias }: PreparedModel, out: Uint8Array[]): void {
    const context = this.#context
    const { main } = context
    const { main: first, special: rest } = this.#work
    context.copy(first, c0.main)
    context.copy(rest, c0.special)
    this.#keySwitch.dividePoints(this.#work, bias[pair])
    out[2 * pair] = writeReply(context, first, c1.main, plan.scale)
    if (2 * pair + 1 >= plan.classCount) return
    main.scaleHalves(first, first, this.#unit)
    main.scaleHalves(rest, c1.main, this.#unit)
    out[2 * pair + 1] = writeReply(context, first, rest, plan.scale)
  }
}

/** Bytes of the ciphertext of a class. */
export const replyBytes = concatFields(replyFields(1)).length + 2 * polynomialBytes

function writeReply({ kernel }: CkksContext, c0: number, c1: number, scale: number): Uint8Array {
  const fields = concatFields(replyFields(scale))
  const reply = new Uint8Array(fields.length + 2 * polynomialBytes)
  reply.set(fields)
  reply.set(kernel.bytes(c0, polynomialBytes), fields.length)
  reply.set(kernel.bytes(c1, polynomialBytes), fields.length + polynomialBytes)
  return reply
}

/** The package ends the caller's process when a field differs. */
function replyFields(scale: number): Field[] {
  const body = ciphertextFields(parameterIds.reply, 1, scale, 2 * degree)
  return [...header(replyHeader, headerBytes + concatFields(body).length + 2 * polynomialBytes), ...body]
}
