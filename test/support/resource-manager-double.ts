/** Azure Resource Manager and azd, as the hooks of azd see them. */
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { text } from 'node:stream/consumers'
import type { Cleaner } from './cleaner.ts'

interface Call {
  readonly method: string
  readonly path: string
  readonly authorization: string | undefined
  // biome-ignore lint/suspicious/noExplicitAny: what the hook has sent
  readonly body: any
}

/** Answers by method and path, without the resource group and the query; a list: one after the other. */
type Answers = Readonly<Record<string, unknown>>

export const group = '/subscriptions/sub/resourceGroups/rg'
export const token = 'token-of-azd'

/** A stand-in for Azure Resource Manager. */
export async function startManager(test: Cleaner, answers: Answers) {
  const calls: Call[] = []
  const rest = new Map(
    Object.entries(answers).map(([name, answer]) => [name, Array.isArray(answer) ? [...answer] : [answer]]),
  )
  const server = createServer(async (request: IncomingMessage, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://x')
    const path = pathname.replace(`${group}/providers/`, '')
    const body = await text(request)
    const method = request.method ?? ''
    calls.push({ method, path, authorization: request.headers.authorization, body: body && JSON.parse(body) })
    const left = rest.get(`${method} ${path}`)
    const answer = (left && left.length > 1 ? left.shift() : left?.[0]) as { status?: number } | undefined
    response.statusCode = searchParams.has('api-version') ? (answer?.status ?? (answer ? 200 : 404)) : 400
    response.end(JSON.stringify(answer ?? { error: { code: 'NotFound', message: 'not found' } }))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  test.onTestFinished(() => void server.close())
  return { calls, endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` }
}

/**
 * Runs a hook with an azd that only knows a token.
 *
 * @param file  the script
 * @param cwd  where azd runs it: the folder of azure.yaml
 */
export async function runHook(
  test: Cleaner,
  file: string,
  env: Record<string, string | undefined>,
  cwd = process.cwd(),
): Promise<{ code: number; stdout: string; stderr: string }> {
  const bin = await mkdtemp(join(tmpdir(), 'azd-'))
  test.onTestFinished(() => rm(bin, { recursive: true, force: true }))
  await writeFile(join(bin, 'azd'), `#!/bin/sh\necho '{"token":"${token}"}'\n`, { mode: 0o755 })
  const environment = { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH}`, ...env }
  return new Promise(resolve => {
    execFile(process.execPath, [file], { env: environment, cwd }, (error, stdout, stderr) =>
      resolve({ code: Number(error?.code ?? 0), stdout, stderr }),
    )
  })
}

/** What azd sets of the outputs of infra/main.bicep. */
export const variables = (endpoint: string) => ({
  AZURE_SUBSCRIPTION_ID: 'sub',
  AZURE_RESOURCE_GROUP: 'rg',
  AZURE_RESOURCE_MANAGER: endpoint,
  AZURE_KEY_VAULT_NAME: 'kv-1',
  AZURE_FUNCTION_APP_NAME: 'func-1',
  AZURE_BLOB_EVENTS_TOPIC: 'blobs',
  SCORING_MODELS: undefined,
})
