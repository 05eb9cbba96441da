import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { describe, it } from 'vitest'

/** What editors show of the SDK: each exported thing, and each method that can be called. */
describe('scoring-functions/client', () => {
  it('says what each class, function, interface and method does', () => {
    const missing = globSync('src/client/*.ts').flatMap(file => {
      const lines = readFileSync(file, 'utf8').split('\n')
      return lines.flatMap((line, index) => {
        const isExport = /^export (?:abstract |async )?(?:class|function|interface) \w+/.test(line)
        const isMethod =
          /^ {2}(?:static |async |\*)*(?!constructor|if|for|return|switch)[a-z]\w*(?:<[^>]*>)?\(.*\{$/.test(line)
        if (!isExport && !isMethod) return []
        const before = lines.slice(0, index).findLast(each => each.trim() !== '') ?? ''
        const isDocumented = /\*\/$/.test(before) || /^ {2}\w+\(.*$/.test(before) // an overload has it
        return isDocumented ? [] : [`${file}:${index + 1}: ${line.trim()}`]
      })
    })
    assert.deepEqual(missing, [])
  })
})
