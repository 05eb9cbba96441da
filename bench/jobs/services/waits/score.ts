import { setTimeout as delay } from 'node:timers/promises'

/** Milliseconds of a row, as `rowMs` of `scale.ts`. */
const rowMs = 5

export function init() {}

export async function run({ data }: { data: number[] }) {
  await delay(rowMs)
  return data
}
