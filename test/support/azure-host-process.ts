import { spawn } from 'node:child_process'
import { join } from 'node:path'
import type { Cleaner } from './cleaner.ts'

export interface AzureHost {
  readonly url: string
  /** All it has printed so far. */
  output(): string
  /** Ends it as Azure does; resolves with its exit code once it has drained. */
  stop(): Promise<number | null>
}

/**
 * Runs `azure-host.ts` in a process of its own.
 *
 * @param root   folder of the app
 * @param user   id of the user that runs it; absent: this one
 */
export async function startAzureHost(
  test: Cleaner,
  root: string,
  { environment = {}, user }: { environment?: Readonly<Record<string, string>>; user?: number | undefined } = {},
): Promise<AzureHost> {
  const program = join(import.meta.dirname, 'azure-host.ts')
  const child = spawn(process.execPath, [program, root, ...(user === undefined ? [] : [String(user)])], {
    env: { PATH: process.env.PATH, AzureWebJobsStorage: '', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended = new Promise<number | null>(done => child.on('close', done))
  const stop = () => {
    child.kill('SIGTERM')
    return ended
  }
  test.onTestFinished(async () => {
    await stop()
  })
  let output = ''
  const url = await new Promise<string>((found, failed) => {
    const read = (text: Buffer) => {
      output += text
      const [, line] = /^Listening on (http:\/\/127\.0\.0\.1:\d+)$/m.exec(output) ?? []
      if (line !== undefined) found(line)
    }
    child.stdout.on('data', read)
    child.stderr.on('data', read)
    child.on('close', code => failed(new Error(`the host ended with ${code}:\n${output}`)))
  })
  return { url, output: () => output, stop }
}
