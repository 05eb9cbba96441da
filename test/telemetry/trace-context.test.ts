import assert from 'node:assert/strict'
import { describe, it, test } from 'vitest'
import { readTraceContext, traceId } from '../../src/telemetry/trace-context.ts'

/** The example of the specification (W3C Trace Context, section 3.2.4). */
const example = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'

describe('readTraceContext', () => {
  it('takes the example of the specification', () => {
    const context = readTraceContext(example, 'congo=t61rcWkgMzE')
    assert.deepEqual(context, { traceparent: example, tracestate: 'congo=t61rcWkgMzE' })
    assert.equal(context && traceId(context), '4bf92f3577b34da6a3ce929d0e0e4736')
  })

  it('reads a later version as this one, without what it has more', () => {
    const later = `cc${example.slice(2)}-what-the-future-will-be-like`
    assert.deepEqual(readTraceContext(later, ''), { traceparent: example })
  })

  // Section 3.2 and 4.3, and the cases of the specification's test suite.
  test.each([
    ['nothing', undefined],
    ['an empty header', ''],
    ['version ff', `ff${example.slice(2)}`],
    ['more after version 00', `${example}-more`],
    ['a trace id of zeros', `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`],
    ['a span id of zeros', `00-4bf92f3577b34da6a3ce929d0e0e4736-${'0'.repeat(16)}-01`],
    ['upper case', example.toUpperCase()],
    ['a trace id too short', '00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01'],
    ['two of them joined', `${example}, ${example}`],
    ['a line end', `${example}\r\nx: y`],
  ])('takes %s for no context', (_, header) => {
    assert.equal(readTraceContext(header, 'a=b'), undefined)
  })

  it('leaves out a state that not every system takes', () => {
    assert.deepEqual(readTraceContext(example, `a=${'b'.repeat(600)}`), { traceparent: example })
  })
})
