/**
 * Compiles the kernel of encrypted inference, assembly/index.ts, and writes it as ../src/encrypted/kernel-bytes.ts, which is committed:
 * whoever does not change the kernel needs no compiler. With --print it only prints the bytes, in base64.
 */
import { writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import asc from 'assemblyscript/asc'

process.chdir(import.meta.dirname)
const { error, stderr, binary } = await compile()
if (error) {
  process.stderr.write(stderr)
  process.exit(1)
}
const base64 = Buffer.from(binary).toString('base64')
if (process.argv.includes('--print')) process.stdout.write(base64)
else {
  const lines = base64.match(/.{1,112}/g).map(line => `  '${line}',`)
  const text = [
    '// Written by kernel/build.js; do not edit.',
    '',
    '/** The WebAssembly module that kernel/assembly is compiled to, in base64. */',
    'export const kernelBytes = /* @__PURE__ */ [',
    ...lines,
    "].join('')",
    '',
  ].join('\n')
  await writeFile(join(dirname(import.meta.dirname), 'src/encrypted/kernel-bytes.ts'), text)
}

async function compile() {
  let binary
  const settings = ['-O3', '--noAssert', '--runtime', 'stub', '--use', 'abort=', '--enable', 'simd']
  const { error, stderr } = await asc.main(['assembly/index.ts', '--outFile', 'kernel.wasm', ...settings], {
    writeFile: (name, contents) => {
      if (name === 'kernel.wasm') binary = contents
    },
  })
  return { error, stderr: stderr.toString(), binary }
}
