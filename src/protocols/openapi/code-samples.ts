/** Writes calls of a service that can be pasted into a terminal or a program. */
import type { ScoringService } from '../../inference/scoring-service.ts'

/** One call; the member names are those of the extension `x-codeSamples`, which Redoc and other readers show. */
export interface CodeSample {
  readonly lang: 'Shell' | 'Python' | 'JavaScript'
  readonly label: string
  readonly source: string
}

/** Stands for the address of the app, which only its callers know; the docs page puts its own in. */
export const appPlaceholder = 'https://<app>'

interface Body {
  /** A request body, as plain JSON values. */
  readonly example: unknown
  /** The values only show the form of a request. */
  readonly isForm: boolean
}

/** Writes the same request for curl, Python and `fetch`; the caller puts in the key or token. */
export function writeCodeSamples(
  { name, authorizer, definition }: Pick<ScoringService, 'name' | 'authorizer' | 'definition'>,
  { example, isForm }: Body,
): readonly CodeSample[] {
  const url = `${appPlaceholder}/api/v1/service/${name}/score`
  const credential = definition.auth.mode === 'token' ? 'Bearer <token>' : 'Bearer <key>'
  const headers: [name: string, value: string][] = [
    ...(authorizer ? [['Authorization', credential] as [string, string]] : []),
    ['Content-Type', 'application/json'],
  ]
  const remark = isForm ? ' Replace the values: these only show the form.\n' : ''
  return [
    { lang: 'Shell', label: 'curl', source: (remark && `#${remark}`) + writeCurl(url, headers, example) },
    { lang: 'Python', label: 'Python', source: (remark && `#${remark}`) + writePython(url, headers, example) },
    { lang: 'JavaScript', label: 'JavaScript', source: (remark && `//${remark}`) + writeFetch(url, headers, example) },
  ]
}

type Headers = readonly (readonly [name: string, value: string])[]

function writeCurl(url: string, headers: Headers, example: unknown): string {
  const quote = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`
  const lines = [`curl ${quote(url)}`, ...headers.map(([name, value]) => `  -H ${quote(`${name}: ${value}`)}`)]
  return [...lines, `  -d ${quote(JSON.stringify(example))}`].join(' \\\n')
}

function writePython(url: string, headers: Headers, example: unknown): string {
  const frame = findFrame(example)
  const imports = frame ? ['import json', 'import pandas as pd', 'import requests'] : ['import requests']
  const body = frame
    ? // `json=` of requests refuses NaN, which is how a DataFrame has a missing number.
      `data=json.dumps({"data": ${frame.toData}}),`
    : `json=${pythonLiteral(example)},`
  const sent = headers.map(([name, value]) => `"${name}": "${value}"`).join(', ')
  const rows = frame ? [`df = pd.DataFrame([\n${frame.rows.map(row => `    ${row},\n`).join('')}])`] : []
  const call = ['response = requests.post(', `    "${url}",`, `    ${body}`, `    headers={${sent}},`, ')']
  return [...imports, '', ...rows, ...call, 'print(response.json())'].join('\n')
}

interface Frame {
  /** Rows as Python literals. */
  readonly rows: readonly string[]
  /** Expression that turns the DataFrame `df` into `data`. */
  readonly toData: string
}

/** @returns undefined when the example is not a table: records of plain values, or lists of them */
function findFrame(example: unknown): Frame | undefined {
  const isObject = typeof example === 'object' && example !== null
  if (!isObject || Object.keys(example).join() !== 'data') return undefined
  const { data } = example as { data: unknown }
  if (!Array.isArray(data) || data.length === 0) return undefined
  const arePlain = (values: readonly unknown[]) => values.every(value => typeof value !== 'object' || value === null)
  const rows = data.map(pythonLiteral)
  if (data.every(row => Array.isArray(row) && arePlain(row))) return { rows, toData: 'df.values.tolist()' }
  const areRecords = data.every(
    row => typeof row === 'object' && row !== null && !Array.isArray(row) && arePlain(Object.values(row)),
  )
  return areRecords ? { rows, toData: 'df.to_dict(orient="records")' } : undefined
}

/** Writes JSON values in Python's syntax. */
function pythonLiteral(value: unknown): string {
  if (value === null || value === undefined) return 'None'
  if (typeof value === 'boolean') return value ? 'True' : 'False'
  if (Array.isArray(value)) return `[${value.map(pythonLiteral).join(', ')}]`
  if (typeof value !== 'object') return JSON.stringify(value)
  const members = Object.entries(value).map(([name, member]) => `${JSON.stringify(name)}: ${pythonLiteral(member)}`)
  return `{${members.join(', ')}}`
}

function writeFetch(url: string, headers: Headers, example: unknown): string {
  const sent = headers.map(([name, value]) => `'${name}': '${value}'`).join(', ')
  return `const response = await fetch('${url}', {
  method: 'POST',
  headers: { ${sent} },
  body: JSON.stringify(${JSON.stringify(example)}),
})
console.log(await response.json())`
}
