import assert from 'node:assert/strict'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, it } from 'vitest'

const pages = globSync('{*,guide/**/*,bench/*,examples/**/*,infra/**/*,test/**/*}.md').filter(
  page => !page.includes('fixtures'),
)

/** As GitHub makes them of headings. */
function anchorsIn(page: string): string[] {
  const headings = readFileSync(page, 'utf8').matchAll(/^#+ (.*)$/gm)
  return [...headings].map(([, text = '']) =>
    text
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  )
}

/** Text without code blocks, whose brackets are no links. */
const prose = (page: string) => readFileSync(page, 'utf8').replaceAll(/^```.*?^```/gms, '')

describe('README and guide: the documentation', () => {
  it('links to what is there', () => {
    for (const page of pages) {
      for (const [, target = ''] of prose(page).matchAll(/\]\(([^)\s]+)\)/g)) {
        if (/^https?:/.test(target)) continue
        const [path = '', anchor] = target.split('#')
        const file = path === '' ? page : join(dirname(page), path)
        assert.ok(existsSync(file), `${page} links to ${target}`)
        if (anchor !== undefined) assert.ok(anchorsIn(file).includes(anchor), `${page} links to ${target}`)
      }
    }
  })

  it('names files that are there', () => {
    for (const page of pages.filter(each => each !== 'CHANGELOG.md')) {
      for (const [, path = ''] of prose(page).matchAll(/`((?:src|functions|test|guide|bench)\/[\w./-]+)`/g))
        assert.ok(existsSync(path), `${page} names ${path}`)
    }
  })
})
