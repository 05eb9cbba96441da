import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'vitest'

const json = (file: string) => JSON.parse(readFileSync(file, 'utf8'))

describe('npm ci', () => {
  it('runs no script of a package but the one that brings Node.js, with npm 10 as with npm 11', () => {
    // npm 11 reads `allowScripts`. npm 10 runs the scripts that the lock file tells of: `npm install` writes
    // `hasInstallScript` for a package that it adds or updates, and where scripts are not allowed the line goes.
    const { allowScripts } = json('package.json') as { allowScripts: Record<string, boolean> }
    const { packages } = json('package-lock.json') as { packages: Record<string, { hasInstallScript?: true }> }
    const allowed = Object.keys(allowScripts).filter(name => allowScripts[name])
    const withScript = Object.keys(packages).filter(path => packages[path]?.hasInstallScript)
    assert.deepEqual(allowed, ['node'])
    assert.deepEqual(withScript, ['node_modules/node'])
  })
})
