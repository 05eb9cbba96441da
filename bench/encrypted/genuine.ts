import { spawn } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { pythonWith } from '../../test/support/python.ts'
import { benchDir } from '../cache.ts'
import type { EncryptedCase } from './cases.ts'

/** The original client and server, in a process of their own. */
export interface Genuine {
  readonly keys: Uint8Array
  readonly requests: Readonly<Record<string, string[]>>
  /** CPU milliseconds of its native code for one prediction. */
  native(name: string): Promise<number>
  /** CPU milliseconds of `EIServer.predict`. */
  predict(name: string): Promise<number>
  /** The scores in our replies. */
  decrypt(replies: readonly string[]): Promise<number[]>
  stop(): void
}

/** @throws Error where the package cannot be installed */
export async function startGenuine(folder: string, cases: readonly EncryptedCase[]): Promise<Genuine> {
  const found = await pythonWith(join(benchDir, 'encrypted/requirements.txt'))
  if ('missing' in found) throw new Error(`the benchmark needs the package encrypted-inference: ${found.missing}`)
  const plain = cases.map(({ name, weights, bias, features }) => ({ name, weights, bias, features }))
  await writeFile(join(folder, 'cases.json'), JSON.stringify(plain))
  const child = spawn(found.python, ['-W', 'ignore', join(benchDir, 'encrypted/genuine.py'), folder], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const read = async () => {
    const { value, done } = await lines.next()
    if (done) throw new Error('the process of the original package has ended')
    return JSON.parse(value)
  }
  const call = (command: string, argument: string) => {
    child.stdin.write(`${command} ${argument}\n`)
    return read()
  }
  await read()
  return {
    keys: await readFile(join(folder, 'keys.bin')),
    requests: JSON.parse(await readFile(join(folder, 'requests.json'), 'utf8')),
    native: name => call('native', name),
    predict: name => call('predict', name),
    decrypt: async replies => {
      const file = join(folder, 'replies.json')
      await writeFile(file, JSON.stringify(replies))
      return call('decrypt', file)
    },
    stop: () => child.stdin.end(),
  }
}
