import { Webservice } from '../../client/index.ts'
import { openWorkspace, printJson, type WorkspaceOptions } from './open.ts'

export interface RegenerateOptions extends WorkspaceOptions {
  readonly key: 'primary' | 'secondary'
}

/** Replaces a key, and prints the new one alone, for scripts. */
export async function regenerateKey(name: string, options: RegenerateOptions): Promise<void> {
  const workspace = await openWorkspace(options)
  const service = await Webservice.get(workspace, name)
  const key = await service.regenKey(options.key)
  if (options.json) return printJson({ service: name, [options.key]: key })
  console.log(key)
  const other = options.key === 'primary' ? 'secondary' : 'primary'
  console.error(`The ${options.key} key of ${name} is replaced; the ${other} key stays valid.`)
}

/** Prints an access token for a service alone, for scripts. */
export async function printToken(name: string, options: WorkspaceOptions): Promise<void> {
  const token = await new Webservice(await openWorkspace(options), name).getToken()
  if (options.json) printJson(token)
  else console.log(token.token)
}

export interface LogOptions extends WorkspaceOptions {
  readonly lines: number
}

export async function printLogs(name: string, options: LogOptions): Promise<void> {
  const text = await new Webservice(await openWorkspace(options), name).getLogs({ numLines: options.lines })
  if (options.json) printJson({ service: name, lines: text.split('\n').slice(0, -1) })
  else if (text === '') console.error(`the log has no line of ${name}`)
  else process.stdout.write(text)
}
