import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { benchDir } from '../cache.ts'

/** What a benchmark found: for programs, for people, and as a picture where it draws one. */
export interface BenchResult {
  readonly result: object
  readonly markdown: string
  readonly svg?: string
}

/**
 * Keeps the result of a run.
 *
 * @param isRecord  true: commit-worthy, in `results/<name>.json` and between the markers of the README; false: in the cache
 * @returns the file, relative to `bench/`
 */
export async function saveResult(
  name: string,
  { result, markdown, svg }: BenchResult,
  isRecord: boolean,
): Promise<string> {
  const file = join(isRecord ? 'results' : '.cache/results', `${name}.json`)
  await mkdir(dirname(join(benchDir, file)), { recursive: true })
  await writeFile(join(benchDir, file), `${JSON.stringify(result, roundNumbers, 2)}\n`)
  if (svg !== undefined) await writeFile(join(benchDir, file.replace(/json$/, 'svg')), svg)
  if (isRecord) await replaceBetweenMarkers(join(benchDir, 'README.md'), name, markdown)
  return file
}

async function replaceBetweenMarkers(path: string, name: string, markdown: string): Promise<void> {
  const text = await readFile(path, 'utf8')
  const [begin, end] = [`<!-- ${name}: last run -->`, `<!-- ${name}: end -->`]
  const [from, to] = [text.indexOf(begin), text.indexOf(end)]
  if (from < 0 || to < from) throw new Error(`README.md lacks the markers "${begin}" and "${end}"`)
  await writeFile(path, `${text.slice(0, from + begin.length)}\n${markdown}\n${text.slice(to)}`)
}

function roundNumbers(_key: string, value: unknown): unknown {
  return typeof value === 'number' ? Number(value.toPrecision(5)) : value
}
