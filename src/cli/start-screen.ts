/** What a user needs once the services run, on one screen: addresses, keys, storage, and a request that scores when pasted. */
import type { ServiceState, ServiceStates } from './readiness.ts'
import { cutText, displayWidth, formatTable, type Terminal, wrapText } from './terminal.ts'

/** What the start knows about a running app. */
export interface StartFacts {
  /** Version of this package. */
  readonly version: string
  /** Where the host listens, e.g. `http://localhost:7071`. */
  readonly url: string
  readonly services: ServiceStates
  /** Primary keys on this machine, by service; undefined when the keys are in a vault. */
  readonly localKeys: ReadonlyMap<string, string> | undefined
  /** One sentence about storage. */
  readonly storage: string
  readonly isWatching: boolean
  /** A request to try; undefined when no service can show one. */
  readonly request: { readonly service: string; readonly isScored: boolean; readonly curl: string } | undefined
}

/** More services than these are only counted. */
const maxListed = 6
const indent = 2

/** @returns lines without a line break at the end */
export function describeStart(facts: StartFacts, terminal: Terminal): string {
  const { paint } = terminal
  const { version, url, storage, isWatching, request } = facts
  const changes = isWatching
    ? 'Changed services are loaded again at once.'
    : 'Changed services are loaded at the next start.'
  const title =
    request && `Score ${request.service}${request.isScored ? '' : ' (replace the values: these only show the form)'}:`
  return [
    [`${paint('bold', `Scoring Functions ${version}`)} on ${paint('cyan', url)}`],
    describeServices(facts, terminal),
    wrap([`Storage: ${storage}`, `${changes} Ctrl+C stops.`], terminal),
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
export function listRepeatedLines(services: ServiceStates, terminal: Terminal): string[] {
  return listedServices(services).flatMap(([name, state]) => {
    const { status, notes = [] } = state
    const isRepeated = status === 'failed' && !isCut(name, state, terminal)
    return [
      ...(status === 'ready' ? [`[${name}] ready after `] : []),
      ...(isRepeated ? [`[${name}] not available: `] : []),
      ...notes.map(note => `[${name}] ${note}`),
    ]
  })
}

const wrap = (lines: string[], { width }: Terminal) => lines.flatMap(line => wrapText(line, width))

function describeServices(facts: StartFacts, terminal: Terminal): string[] {
  const all = Object.entries(facts.services)
  if (all.length === 0) return ['/health/ready lists services in Development only.']
  const listed = listedServices(facts.services)
  const rows = listed.map(([name, state]) => describeService(name, state, facts, terminal))
  const table = formatTable(
    rows.flatMap(({ head, details: [first = '', ...others] }) => [
      [...head, first],
      ...others.map(detail => ['', '', '', detail]),
    ]),
    terminal,
    { indent, columns: [{}, {}, {}] },
  )
  const isWide = table.split('\n').some(line => displayWidth(line) > terminal.width)
  const lines = isWide ? rows.flatMap(({ head, details }) => stack(head, details)) : [table]
  const more = all.length - listed.length
  if (more === 0) return lines
  const failed = all.filter(([, { status }]) => status === 'failed').length
  return [...lines, `  … and ${more} more${failed > 0 ? ` (${failed} of all have failed)` : ''}: ${facts.url}/docs`]
}

/** Name, version and state on a line of their own, where the rest does not fit beside them. */
function stack(head: readonly string[], details: readonly string[]): string[] {
  return [`  ${head.filter(Boolean).join('  ')}`, ...details.map(detail => `    ${detail}`)]
}

/** Those with a problem first when there are too many. */
function listedServices(services: ServiceStates): [name: string, state: ServiceState][] {
  const all = Object.entries(services)
  if (all.length <= maxListed) return all
  const order = ['failed', 'loading', 'ready']
  return all.sort(([, a], [, b]) => order.indexOf(a.status) - order.indexOf(b.status)).slice(0, maxListed)
}

interface ServiceLines {
  readonly head: readonly [name: string, version: string, status: string]
  readonly details: readonly string[]
}

function describeService(name: string, state: ServiceState, facts: StartFacts, terminal: Terminal): ServiceLines {
  const { status, version, availableVersions = [], reason = '' } = state
  const color = status === 'ready' ? 'green' : status === 'failed' ? 'red' : 'yellow'
  const head = [
    terminal.paint('bold', name),
    version === undefined ? '' : `v${version}`,
    terminal.paint(color, status),
  ] as const
  if (status === 'failed') return { head, details: [cutText(reason, reasonWidth(name, state, terminal))] }
  const newer = availableVersions.find(each => Number(each) > Number(version))
  const details = [`${facts.url}/api/v1/service/${name}/docs`, describeCredential(name, state, facts)]
  return { head, details: newer === undefined ? details : [...details, `version ${newer} is there and not served`] }
}

/** A reason is one line, beside the name or below it. */
function reasonWidth(name: string, { version }: ServiceState, { width }: Terminal): number {
  const headWidth =
    indent + name.length + 2 + (version === undefined ? 0 : version.length + 1) + 2 + 'failed'.length + 2
  return Math.max(20, width - headWidth)
}

const isCut = (name: string, state: ServiceState, terminal: Terminal) =>
  displayWidth(state.reason ?? '') > reasonWidth(name, state, terminal)

function describeCredential(name: string, { auth }: ServiceState, { localKeys }: StartFacts): string {
  if (auth === 'none') return 'public: no key is needed'
  if (auth === 'token') return 'access token of Microsoft Entra ID'
  if (!localKeys) return `key: secret ${name}-primary-key in the vault`
  const key = localKeys.get(name)
  return key === undefined ? 'key: see .local/keys.json' : `key ${key}`
}
