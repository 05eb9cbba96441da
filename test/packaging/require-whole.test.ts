import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { requireWhole } from '../../src/packaging/require-whole.ts'
import { linux } from '../../src/packaging/target.ts'

const whole = [
  'host.json',
  'dist/functions.cjs',
  'models/iris/service.json',
  'node_modules/onnxruntime-node/bin/napi-v6/linux/x64/onnxruntime_binding.node',
  'node_modules/@img/sharp-linux-x64/lib/sharp-linux-x64.node',
]

describe('requireWhole', () => {
  const check = (paths: readonly string[]) =>
    requireWhole(
      paths.map(path => ({ path, source: '' })),
      {
        main: './dist/functions.cjs',
        servicesPath: 'models',
        target: linux('x64'),
        usage: { images: true, zod: false },
      },
    )

  it('accepts a package with all that its start and its images need', () => check(whole))

  it.each([
    ['host.json', /^host\.json would not be in the package: \.funcignore leaves it out$/],
    [
      'dist/functions.cjs',
      /^"main" in package\.json is "\.\/dist\/functions\.cjs", a file that would not be in the package: /,
    ],
    ['models/iris/service.json', /^no service of models\/ would be in the package: /],
    [whole[3] as string, /^onnxruntime-node has no native code for linux-x64: run "npm install"$/],
    [whole[4] as string, /^scripts decode images, and sharp has no native code for linux-x64, .* --no-images$/],
  ])('refuses one without %s', (path, message) => {
    assert.throws(() => check(whole.filter(each => each !== path)), { name: 'StartupError', message })
  })
})
