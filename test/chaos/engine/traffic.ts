/** Requests whose right answer is known, no two under way with the same one. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { RunningApp } from '../../support/running-app.ts'
import { type Poison, poisons } from './services.ts'

export interface KnownRequest {
  readonly service: string
  readonly body: string
  /** Body of the right answer; a poisoned request has none. */
  readonly answer?: string
  readonly poison?: Poison | undefined
}

/** Makes the next request of one client. */
export type Source = () => KnownRequest

/** Rows of a sample service that a client sends in turn. */
const rowsEach = 20

let lastId = 0

/** A script's request: its answer follows from the number, by hand. */
export function aloneRequest(): KnownRequest {
  const id = ++lastId
  return { service: 'alone', body: JSON.stringify({ id }), answer: String(id * 3 + 1) }
}

/** One to three rows; float32 holds their numbers exactly. */
export function joinedRequest(): KnownRequest {
  const id = ++lastId % 2 ** 23
  const rows = Array.from({ length: (id % 3) + 1 }, (_, row) => [id, row + 1])
  const answer = rows.map(([one, other]) => `[-${one}.0, -${other}.0]`).join(', ')
  return { service: 'joined', body: JSON.stringify({ data: rows }), answer: `[${answer}]` }
}

export function poisonedRequest(random: () => number): KnownRequest {
  const kind = Math.floor(random() * (poisons.length + 2))
  const poison = poisons[kind]
  if (poison) return { service: 'alone', body: JSON.stringify({ id: 0, poison }), poison }
  return { service: 'joined', body: '{"data": [[-1, 0]]}', poison: 'exit' }
}

/**
 * Rows near those of a sample service, with the answers that each gets alone, while nothing else happens.
 *
 * @returns a source for each client, none with a row of another one
 */
export async function sampleSources(
  app: RunningApp,
  service: string,
  clients: number,
  random: () => number,
): Promise<Source[]> {
  const text = await readFile(join(import.meta.dirname, '../../../models', service, 'sample.json'), 'utf8')
  const [row] = (JSON.parse(text) as { data: unknown[] }).data
  const known: KnownRequest[] = []
  while (known.length < clients * rowsEach) {
    const body = JSON.stringify({ data: [moved(row, random)] })
    const answer = await (await app.score(service, body)).text()
    if (!known.some(other => other.answer === answer)) known.push({ service, body, answer })
  }
  return Array.from({ length: clients }, (_, client) => {
    let next = 0
    return () => known[client * rowsEach + (next++ % rowsEach)] as KnownRequest
  })
}

function moved(value: unknown, random: () => number): unknown {
  return Array.isArray(value) ? value.map(each => moved(each, random)) : (value as number) + random()
}
