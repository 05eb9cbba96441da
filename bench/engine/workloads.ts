/** The services that the engine is measured with, and many different rows for each. */

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { seededRandom } from '../../test/support/seeded-random.ts'
import { benchDir, cachedModel, rootDir } from '../cache.ts'
import type { RequestParts } from '../http/contest.ts'
import { mlp, rowLength } from '../models/mlp.ts'
import { imageShape, resnet50 } from '../models/resnet50.ts'

export interface Workload {
  readonly name: string
  /** For people. */
  readonly title: string
  /** Folder with service.json. */
  readonly source: string
  /** Further files, by their path in the service. */
  readonly models: Record<string, string>
  readonly contentType: string
  /** Bodies of one row each, no two the same. */
  readonly bodies: readonly Uint8Array<ArrayBuffer>[]
  /** The least that requests per second at 64 connections should be, against those without micro-batching. */
  readonly target?: number
  /** One run takes about a tenth of a second. */
  readonly isSlow?: boolean
}

const rowCount = 64

export async function prepareWorkloads(): Promise<Workload[]> {
  return [
    {
      name: 'diabetes',
      title: 'Ridge, 10 features, JSON',
      source: join(rootDir, 'models', 'diabetes'),
      models: {},
      ...jsonRows(await sampleRow('diabetes'), 0.01),
      target: 1.3,
    },
    {
      name: 'digits',
      title: 'digits CNN, 8x8 image, JSON',
      source: join(rootDir, 'models', 'digits'),
      models: {},
      ...jsonRows(await sampleRow('digits'), 0.5),
      target: 1.6,
    },
    {
      name: 'mlp',
      title: 'MLP of 50 MB, 4 KB float32',
      source: join(benchDir, 'engine', 'services', 'mlp'),
      models: { '1/mlp.onnx': await cachedModel('mlp', mlp) },
      ...rawRows(rowLength),
      target: 6,
    },
    {
      name: 'resnet50',
      title: 'ResNet-50, 602 KB float32 image',
      source: join(benchDir, 'http', 'services', 'resnet50-tensor'),
      models: { '1/resnet50.onnx': await cachedModel('resnet50', resnet50) },
      ...rawRows(imageShape.reduce((product, size) => product * size, 1)),
      isSlow: true,
    },
  ]
}

export function requestFor({ contentType }: Workload, body: Uint8Array<ArrayBuffer>, key: string): RequestParts {
  const headers = { 'content-type': contentType, authorization: `Bearer ${key}` }
  return { method: 'POST', path: '/score', headers, body }
}

async function sampleRow(service: string): Promise<unknown> {
  const sample = JSON.parse(await readFile(join(rootDir, 'models', service, 'sample.json'), 'utf8'))
  return (sample as { data: unknown[] }).data[0]
}

/** The sample's row again and again, its numbers moved a little. */
function jsonRows(row: unknown, step: number): Pick<Workload, 'contentType' | 'bodies'> {
  const random = seededRandom(1)
  const move = (value: unknown): unknown =>
    Array.isArray(value) ? value.map(move) : Number(((value as number) + step * random()).toFixed(6))
  const bodies = Array.from({ length: rowCount }, () => new TextEncoder().encode(JSON.stringify({ data: [move(row)] })))
  return { contentType: 'application/json', bodies }
}

function rawRows(length: number): Pick<Workload, 'contentType' | 'bodies'> {
  const random = seededRandom(2)
  const bodies = Array.from(
    { length: rowCount },
    () => new Uint8Array(Float32Array.from({ length }, () => random()).buffer),
  )
  return { contentType: 'application/octet-stream', bodies }
}
