import assert from 'node:assert/strict'
import { webcrypto } from 'node:crypto'
import { createContext, runInContext } from 'node:vm'
import { build } from 'esbuild'
import { describe, it } from 'vitest'

const program = `
  import { BfvClient } from './src/encrypted/bfv/client.ts'
  import { Kernel } from './src/encrypted/kernel.ts'
  export async function encrypt(features, layout) {
    const random = count => crypto.getRandomValues(new Uint8Array(count))
    const client = new BfvClient(await Kernel.create(), random(64), random)
    return client.encrypt(features, layout).length
  }
`

describe('BfvClient', () => {
  it('needs nothing of Node.js: the bundle for browsers runs with what browsers have', async () => {
    const { outputFiles } = await build({
      stdin: { contents: program, resolveDir: '.', loader: 'ts' },
      bundle: true,
      platform: 'browser',
      format: 'iife',
      globalName: 'bundle',
      write: false,
    })
    const context = createContext({ atob, crypto: webcrypto })
    const layout = {
      ...{ featureCount: 2, classCount: 1, classesPerPolynomial: 1, plainBits: 20 },
      ...{ featureScale: 1, weightScale: 1, maxFeature: 5, wordBytes: 5 },
    }
    const code = `${outputFiles[0]?.text}; bundle.encrypt([1, 2], ${JSON.stringify(layout)})`
    assert.equal(await runInContext(code, context), 16_578)
  })
})
