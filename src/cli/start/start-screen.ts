/** What a user needs once the services run, on one screen: addresses, keys, storage, and a request that scores when pasted. */

import { cutText, displayWidth, formatTable, type Terminal, wrapText } from '../terminal.ts'
import type { ServiceState, ServiceStates } from './readiness.ts'

/** What the start knows about a running app. */
export interface StartFacts {
  /** Version of this package. */
  readonly version: string
  /** Where the host listens, e.g. `http://localhost:7071`. */
  readonly url: string
  /** A second port, which takes the same; undefined: there is none. */
  readonly grpcPort?: number | undefined
  /** Where other machines reach it; undefined: nowhere else than at `url`. */
  readonly otherMachinesUrl?: string | undefined
  readonly services: ServiceStates
  /** Primary keys on this machine, by service; undefined when the keys are in a vault. */
  readonly localKeys: ReadonlyMap<string, string> | undefined
  /** One sentence about storage. */
  readonly storage: string
  readonly isWatching: boolean
  /** Whether the app shows everybody which services there are. */
  readonly isDevelopment: boolean
  /** Port of the inspector; 0: Node.js has said which; undefined: none. */
  readonly inspectPort?: number | undefined
  /** A request to try; undefined when no service can show one. */
  readonly request: { readonly service: string; readonly isScored: boolean; readonly curl: string } | undefined
}

/** More services than these are only counted. */
const maxListed = 6
const indent = 2

/** @returns lines without a line break at the end */
export function describeStart(facts: StartFacts, terminal: Terminal): string {
  const { paint } = terminal
  const { version, url, grpcPort, otherMachinesUrl, storage, isWatching, inspectPort, request } = facts
  const changes = isWatching
    ? 'Changed services are loaded again at once.'
    : 'Changed services are loaded at the next start.'
  const title =
    request && `Score ${request.service}${request.isScored ? '' : ' (replace the values: these only show the form)'}:`
  return [
    [
      `${paint('bold', `Scoring Functions ${version}`)} on ${paint('cyan', url)}${grpcPort === undefined ? '' : `, and on port ${grpcPort}`}`,
      ...(otherMachinesUrl === undefined ? [] : [`Other machines reach it on ${paint('cyan', otherMachinesUrl)}`]),
    ],
    describeServices(facts, terminal),
    wrap([`Storage: ${storage}`, ...describeInspector(inspectPort), `${changes} Ctrl+C stops.`], terminal),
    request ? [paint('bold', title ?? ''), request.curl] : [],
  ]
    .filter(({ length }) => length > 0)
    .map(lines => lines.join('\n'))
    .join('\n\n')
}

/**
 * Lines of the log that the screen repeats.
 *
 * @returns how they begin
 */
export function listRepeatedLines(facts: StartFacts, terminal: Terminal): string[] {
  const { detailWidth } = layOut(facts, terminal)
  const listed = new Set(listedServices(facts.services).map(([name]) => name))
  return Object.entries(facts.services).flatMap(([name, { status, reason = '', notes = [] }]) => {
    // Those that are only counted would push the screen away; why one of them has failed is news.
    const isRepeated = status === 'failed' && listed.has(name) && displayWidth(reason) <= detailWidth
    return [
      ...(status === 'ready' ? [`[${name}] ready after `] : []),
      ...(isRepeated ? [`[${name}] not available: `] : []),
      ...notes.map(note => `[${name}] ${note}`),
    ]
  })
}

function describeInspector(port: number | undefined): string[] {
  if (port === undefined) return []
  const where = port === 0 ? 'the address above' : `127.0.0.1:${port}`
  return [`Attach a debugger to ${where} (VS Code: Debug: Attach to Node Process).`]
}

const wrap = (lines: string[], { width }: Terminal) => lines.flatMap(line => wrapText(line, width))

function describeServices(facts: StartFacts, terminal: Terminal): string[] {
  const all = Object.entries(facts.services)
  if (all.length === 0)
    return facts.isDevelopment
      ? wrap(
          ['No service yet. One that is deployed, or made with "npx scoring add model.onnx", is served at once.'],
          terminal,
        )
      : ['/health/ready lists services in Development only.']
  const { rows, isStacked, detailWidth } = layOut(facts, terminal)
  const cells = rows.map(({ name, version, status, details, reason }) => ({
    head: [terminal.paint('bold', name), version, terminal.paint(colors[status], status)],
    details: reason === undefined ? details : [cutText(reason, detailWidth)],
  }))
  const lines = isStacked
    ? cells.flatMap(({ head, details }) => [
        `  ${head.filter(Boolean).join('  ')}`,
        ...details.map(detail => `    ${detail}`),
      ])
    : formatTable(
        cells.flatMap(({ head, details: [first = '', ...others] }) => [
          [...head, first],
          ...others.map(detail => ['', '', '', detail]),
        ]),
        terminal,
        { indent },
      ).split('\n')
  const more = all.length - rows.length
  if (more === 0) return lines
  const failed = all.filter(([, { status }]) => status === 'failed').length
  return [...lines, `  … and ${more} more${failed > 0 ? ` (${failed} of all have failed)` : ''}: ${facts.url}/docs`]
}

const colors = { ready: 'green', loading: 'yellow', failed: 'red', idle: 'green' } as const

/** Those with a problem first when there are too many. */
function listedServices(services: ServiceStates): [name: string, state: ServiceState][] {
  const all = Object.entries(services)
  if (all.length <= maxListed) return all
  const order = ['failed', 'loading', 'ready', 'idle']
  return all.sort(([, a], [, b]) => order.indexOf(a.status) - order.indexOf(b.status)).slice(0, maxListed)
}

interface Row {
  readonly name: string
  readonly version: string
  readonly status: ServiceState['status']
  /** Address, credential and the like, which must be whole. */
  readonly details: readonly string[]
  /** Why the service has failed, which is cut to one line. */
  readonly reason: string | undefined
}

interface Layout {
  readonly rows: readonly Row[]
  /** Details are below the name, because they do not fit beside it. */
  readonly isStacked: boolean
  readonly detailWidth: number
}

function layOut(facts: StartFacts, { width }: Terminal): Layout {
  const rows = listedServices(facts.services).map(([name, state]) => describeService(name, state, facts))
  const longest = (read: (row: Row) => readonly string[]) => Math.max(0, ...rows.flatMap(read).map(displayWidth))
  const headWidth =
    indent +
    [longest(({ name }) => [name]), longest(({ version }) => [version]), longest(({ status }) => [status])]
      .map(each => each + 2)
      .reduce((sum, each) => sum + each)
  const isStacked = headWidth + longest(({ details }) => details) > width
  return { rows, isStacked, detailWidth: isStacked ? width - 2 * indent : width - headWidth }
}

function describeService(name: string, state: ServiceState, facts: StartFacts): Row {
  const { status, version, availableVersions = [], triggers = [], reason = '' } = state
  const head = { name, version: version === undefined ? '' : `v${version}`, status }
  if (status === 'failed') return { ...head, details: [], reason }
  const newer = availableVersions.find(each => Number(each) > Number(version))
  const details = [`${facts.url}/api/v1/service/${name}/docs`, describeCredential(name, state, facts)]
  details.push(...triggers)
  if (newer !== undefined) details.push(`version ${newer} is there and not served`)
  return { ...head, details, reason: undefined }
}

function describeCredential(name: string, { auth }: ServiceState, { localKeys }: StartFacts): string {
  if (auth === 'none') return 'public: no key is needed'
  if (auth === 'token') return 'access token of Microsoft Entra ID'
  if (!localKeys) return `key: secret ${name}-primary-key in the vault`
  const key = localKeys.get(name)
  return key === undefined ? 'key: see .local/keys.json' : `key ${key}`
}
