/** Tools of other languages: whether they are there, and what they print. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'

export interface Run {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs a program to its end. A proxy of the machine is not for localhost; messages come in English. */
export function run(program: string, ...args: string[]): Promise<Run> {
  const env = { ...process.env, NO_PROXY: 'localhost', no_proxy: 'localhost', LC_ALL: 'C' }
  return new Promise(resolve => {
    execFile(program, args, { env, timeout: 600_000 }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1
      resolve({ code, stdout, stderr: code === -1 ? `${stderr}${error}` : stderr })
    })
  })
}

export async function works(program: string, ...args: string[]): Promise<boolean> {
  return (await run(program, ...args)).code === 0
}

export async function succeed(program: string, ...args: string[]): Promise<void> {
  const { code, stdout, stderr } = await run(program, ...args)
  assert.equal(code, 0, `${program}: ${stdout}${stderr}`)
}

/** The same promise to everyone who asks, so that it is done once. */
export function once<Result>(work: () => Promise<Result>): () => Promise<Result> {
  let result: Promise<Result> | undefined
  return () => (result ??= work())
}
