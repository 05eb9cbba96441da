import type { InferenceResult } from '../scheduling/inference-result.ts'

/** `close`: the same but for numbers that differ by a thousandth at most. */
export type Comparison = 'same' | 'close' | 'different'

const relative = 1e-3
const absolute = 1e-6
/** Longer answers are only compared as a whole: this happens beside requests. */
const maxParsed = 262_144

/** Compares the answers of two deployments to the same request. Streams are different from everything. */
export function compareAnswers(one: InferenceResult, other: InferenceResult): Comparison {
  if (one.kind === 'failure' || other.kind === 'failure' || one.kind !== other.kind) return 'different'
  if (one.kind === 'tensors' || other.kind === 'tensors') return 'different'
  if (one.kind === 'response' && other.kind === 'response' && one.status !== other.status) return 'different'
  const texts = [one.body, other.body].map(body => {
    if (typeof body === 'string') return Buffer.from(body)
    return body instanceof Uint8Array ? Buffer.from(body.buffer, body.byteOffset, body.byteLength) : undefined
  })
  const [first, second] = texts
  if (!first || !second) return 'different'
  if (first.equals(second)) return 'same'
  if (first.length > maxParsed || second.length > maxParsed) return 'different'
  try {
    return isClose(JSON.parse(first.toString()), JSON.parse(second.toString())) ? 'close' : 'different'
  } catch {
    return 'different' // no JSON
  }
}

function isClose(one: unknown, other: unknown): boolean {
  if (typeof one === 'number' && typeof other === 'number') {
    return Math.abs(one - other) <= absolute + relative * Math.max(Math.abs(one), Math.abs(other))
  }
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return one === other
  if (Array.isArray(one) !== Array.isArray(other)) return false
  const entries = Object.entries(one)
  const others = other as Record<string, unknown>
  return (
    entries.length === Object.keys(others).length &&
    entries.every(([key, value]) => Object.hasOwn(others, key) && isClose(value, others[key]))
  )
}
