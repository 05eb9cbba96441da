import assert from 'node:assert/strict'
import { describe, it, vi } from 'vitest'
import type { FunctionsCore } from '../../src/adapters/functions-worker/functions-core.ts'
import { importOwnFunctions } from '../../src/adapters/functions-worker/own-functions.ts'
import { Registrations } from '../../src/adapters/functions-worker/registrations.ts'
import { makeLinkedProject } from '../support/linked-project.ts'

/** The functions that files register by this global, as they would by the library. */
declare global {
  var coreUnderTest: FunctionsCore | undefined
}

const registering = (name: string) => `globalThis.coreUnderTest.registerFunction({ name: '${name}', bindings: {} })\n`

describe('importOwnFunctions', () => {
  it('leaves out a file that never ends its import, and says what has been registered of one that fails', async test => {
    const root = await makeLinkedProject(test, {
      'functions/a-waits.mjs': 'await new Promise(() => {})',
      'functions/b-fails.mjs': `${registering('first')}throw new Error('no such setting')\n`,
      'functions/c-folder.mjs/part.mjs': 'throw new Error("a folder is left alone")',
      'functions/d-works.mjs': registering('second'),
    })
    const registered: string[] = []
    const core: FunctionsCore = { registerFunction: ({ name }) => registered.push(name), registerHook: () => {} }
    const registrations = new Registrations()
    registrations.watch(core)
    globalThis.coreUnderTest = core
    const error = vi.spyOn(console, 'error').mockImplementation(() => {})
    test.onTestFinished(() => {
      error.mockRestore()
      globalThis.coreUnderTest = undefined
    })
    await importOwnFunctions(root, registrations, { maxMs: 300 })
    assert.deepEqual(registered, ['first', 'second'])
    assert.deepEqual(
      error.mock.calls.map(([line]) => line),
      [
        'functions/a-waits.mjs is not loaded, and the app runs without it: its import has not ended after 0.3 s',
        'functions/b-fails.mjs is not loaded completely, and runs with what it had registered (first): no such setting',
      ],
    )
  })
})
