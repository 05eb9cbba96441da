/**
 * The proof against ONNX Runtime itself: of models from ONNX's own test suite, with the rows on every axis, none that is
 * proven may give other answers together than alone. A part of them here; suite/variants.py takes all, and
 * suite/mutations.ts shows that a rule that is missing is found out.
 */
import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, it } from 'vitest'
import { run, succeed } from '../../clients/tools.ts'
import { pythonWith } from '../../support/python.ts'
import { proveVariants } from './suite/prove-variants.ts'

const folder = await mkdtemp(join(tmpdir(), 'rows-'))
afterAll(() => rm(folder, { recursive: true, maxRetries: 9 }))
const source = (name: string) => join(import.meta.dirname, 'suite', name)

describe('proveRowIndependence, on the ONNX test suite', () => {
  it('proves nothing that ONNX Runtime answers differently together and alone', async test => {
    const found = await pythonWith(source('requirements.txt'))
    if ('missing' in found) return test.skip(found.missing)
    await succeed(found.python, source('variants.py'), 'make', folder, '0', '24')
    await writeFile(join(folder, 'verdicts.json'), JSON.stringify(proveVariants(folder)))
    const { code, stdout, stderr } = await run(found.python, source('variants.py'), 'check', folder)
    assert.equal(code, 0, stderr)
    const totals = JSON.parse(stdout.trim().split('\n').at(-1) as string)
    assert.equal(totals['proven, dependent'], 0, stdout)
    assert.ok(totals['proven, independent'] > 80, stdout)
  })
})
