import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { parameterNotes, titledHeaders } from '../../src/scripts/run-parameters.ts'

const notesOf = (source: string, rawHttp?: boolean) =>
  parameterNotes('sut/score.js', { run: new Function(`return (${source})`)(), rawHttp })

describe('parameterNotes', () => {
  it('is empty if run takes an input, and a second parameter named like headers', () => {
    for (const source of [
      'rawData => 1',
      'async function run(rawData, headers) {}',
      '(data, request_headers) => 1',
      '(data, _) => 1',
      '({ data }, { "X-Custom": custom }) => 1',
      'function (rawData, headers = {}) {}',
      '({ run(rawData, requestHeaders) {} }).run',
    ])
      assert.deepEqual(notesOf(source), [], source)
  })

  // MicrosoftDocs/azure-docs issue 16485: two arguments in a scoring script.
  it('explains a second parameter with another name', () => {
    const note = 'sut/score.js: the second parameter of run() ("model_id") receives the headers of the request'
    assert.deepEqual(notesOf('function run(batch_string, model_id) {}'), [note])
    assert.deepEqual(notesOf('async (batch_string,\n  model_id) => 1'), [note])
  })

  it('warns about a third parameter', () => {
    assert.deepEqual(notesOf('(a, headers, c) => 1'), [
      'sut/score.js: run() has 3 parameters but receives two: the input and the headers of the request',
    ])
  })

  it('warns about a second parameter of a raw-HTTP script', () => {
    assert.deepEqual(notesOf('(request, headers) => 1', true), [
      'sut/score.js: run() receives only the request; its second parameter ("headers") is never set',
    ])
  })
})

describe('titledHeaders', () => {
  it("converts names like Python's str.title", () => {
    // CPython 3.11: each name.title()
    const names = ['content-type', 'x-2nd-tHing3', 'ETAG', "x-o'neil", 'x--a', 'x.y-z1b', 'dnt', '1a']
    const titled = ['Content-Type', 'X-2Nd-Thing3', 'Etag', "X-O'Neil", 'X--A', 'X.Y-Z1B', 'Dnt', '1A']
    assert.deepEqual(
      titledHeaders(names.map(name => [name, `the ${name}`])),
      Object.fromEntries(names.map((name, index) => [titled[index], `the ${name}`])),
    )
  })
})
