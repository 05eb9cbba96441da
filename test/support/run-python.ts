import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'

/**
 * @param input  its standard input
 * @returns its standard output. A process that ends in another way than well fails the test: a reply that encrypted-inference does not
 *   like ends it by SIGABRT.
 */
export async function runPython(program: string, script: string, input: string): Promise<string> {
  const child = spawn(program, [script])
  let output = ''
  let errors = ''
  child.stdout.on('data', (text: Buffer) => {
    output += text
  })
  child.stderr.on('data', (text: Buffer) => {
    errors += text
  })
  child.stdin.end(input)
  const code = await new Promise(done => child.on('close', done))
  assert.equal(code, 0, errors)
  return output
}
