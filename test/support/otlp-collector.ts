/** What takes OTLP over HTTP as protobuf; fields as in opentelemetry-proto 1.x (trace.proto, metrics.proto, common.proto, resource.proto). */
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { gunzipSync } from 'node:zlib'
import { MessageReader } from '../../src/protocols/grpc/message-reader.ts'
import type { Cleaner } from './cleaner.ts'

export type AttributeValues = Readonly<Record<string, string | number | boolean>>

export interface CollectedSpan {
  readonly traceId: string
  readonly spanId: string
  /** '': it begins a trace. */
  readonly parentId: string
  readonly name: string
  readonly kind: 'internal' | 'server' | 'client' | 'producer' | 'consumer'
  readonly attributes: AttributeValues
  /** Ids of traces and spans. */
  readonly links: readonly string[]
  readonly isError: boolean
  readonly state: string
  /** Of its process. */
  readonly resource: AttributeValues
}

export interface CollectedPoint {
  readonly name: string
  readonly attributes: AttributeValues
  /** Of a histogram its count. */
  readonly value: number
}

export interface OtlpCollector {
  /** For `OTEL_EXPORTER_OTLP_ENDPOINT`. */
  readonly url: string
  readonly spans: readonly CollectedSpan[]
  readonly points: readonly CollectedPoint[]
  /** Headers of the last request. */
  headers(): IncomingMessage['headers'] | undefined
  /** Waits until a span is there that `isMeant`; the test's own time limit ends the wait. */
  span(isMeant: (span: CollectedSpan) => boolean): Promise<CollectedSpan>
  point(isMeant: (point: CollectedPoint) => boolean): Promise<CollectedPoint>
}

export async function startCollector(test: Cleaner): Promise<OtlpCollector> {
  const spans: CollectedSpan[] = []
  const points: CollectedPoint[] = []
  let headers: IncomingMessage['headers'] | undefined
  const server = createServer(async (request, response) => {
    headers = request.headers
    const pieces: Buffer[] = []
    for await (const piece of request) pieces.push(piece)
    const body = Buffer.concat(pieces)
    const message = new MessageReader(
      request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body,
      'Export',
    )
    if (request.url?.endsWith('/v1/traces')) spans.push(...readAll(message, readSpan))
    else if (request.url?.endsWith('/v1/metrics')) points.push(...readAll(message, readMetric).flat())
    response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end()
  })
  await new Promise<void>(done => server.listen(0, '127.0.0.1', done))
  test.onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  async function find<T>(list: readonly T[], isMeant: (each: T) => boolean): Promise<T> {
    for (;;) {
      const found = list.find(isMeant)
      if (found) return found
      await delay(10)
    }
  }
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    points,
    headers: () => headers,
    span: isMeant => find(spans, isMeant),
    point: isMeant => find(points, isMeant),
  }
}

/** Export…ServiceRequest → Resource… (1: resource, 2: scopes) → Scope… (2: spans, or metrics). */
function readAll<T>(request: MessageReader, read: (message: MessageReader, resource: AttributeValues) => T): T[] {
  const found: T[] = []
  for (const ofResource of eachMessage(request, 1)) {
    let resource: AttributeValues = {}
    while (ofResource.next()) {
      if (ofResource.field === 1) resource = readAttributes(ofResource.message('Resource'), 1)
      else if (ofResource.field === 2) {
        for (const message of eachMessage(ofResource.message('Scope'), 2)) found.push(read(message, resource))
      } else ofResource.skip()
    }
  }
  return found
}

function* eachMessage(reader: MessageReader, field: number): Generator<MessageReader> {
  while (reader.next()) {
    if (reader.field === field) yield reader.message('message')
    else reader.skip()
  }
}

const kinds = ['internal', 'internal', 'server', 'client', 'producer', 'consumer'] as const

function readSpan(reader: MessageReader, resource: AttributeValues): CollectedSpan {
  const span = { traceId: '', spanId: '', parentId: '', name: '', kind: 'internal' as CollectedSpan['kind'], state: '' }
  const attributes: Record<string, string | number | boolean> = {}
  const links: string[] = []
  let isError = false
  while (reader.next()) {
    if (reader.field === 1) span.traceId = hex(reader.bytes())
    else if (reader.field === 2) span.spanId = hex(reader.bytes())
    else if (reader.field === 3) span.state = reader.text()
    else if (reader.field === 4) span.parentId = hex(reader.bytes())
    else if (reader.field === 5) span.name = reader.text()
    else if (reader.field === 6) span.kind = kinds[reader.int32()] ?? 'internal'
    else if (reader.field === 9) Object.assign(attributes, readAttribute(reader.message('KeyValue')))
    else if (reader.field === 13) links.push(readLink(reader.message('Link')))
    else if (reader.field === 15) isError = readStatus(reader.message('Status')) === 2
    else reader.skip()
  }
  return { ...span, attributes, links, isError, resource }
}

function readLink(reader: MessageReader): string {
  const ids: string[] = []
  while (reader.next()) {
    if (reader.field <= 2) ids.push(hex(reader.bytes()))
    else reader.skip()
  }
  return ids.join('-')
}

function readStatus(reader: MessageReader): number {
  let code = 0
  while (reader.next()) {
    if (reader.field === 3) code = reader.int32()
    else reader.skip()
  }
  return code
}

/** Metric: 5 gauge, 7 sum, 9 histogram, each with its data points in 1. */
function readMetric(reader: MessageReader): CollectedPoint[] {
  const points: Omit<CollectedPoint, 'name'>[] = []
  let name = ''
  while (reader.next()) {
    const { field } = reader
    if (field === 1) name = reader.text()
    else if (field === 5 || field === 7 || field === 9) {
      for (const point of eachMessage(reader.message('Data'), 1)) points.push(readPoint(point, field === 9))
    } else reader.skip()
  }
  return points.map(point => ({ name, ...point }))
}

/** NumberDataPoint: 4 double, 6 sfixed64, 7 attributes; HistogramDataPoint: 4 fixed64 count, 9 attributes. */
function readPoint(reader: MessageReader, isHistogram: boolean): Omit<CollectedPoint, 'name'> {
  const attributes: Record<string, string | number | boolean> = {}
  let value = 0
  while (reader.next()) {
    if (reader.field === (isHistogram ? 9 : 7)) Object.assign(attributes, readAttribute(reader.message('KeyValue')))
    else if (reader.field === 4) value = isHistogram ? asInteger(reader.double()) : reader.double()
    else if (reader.field === 6 && !isHistogram) value = asInteger(reader.double())
    else reader.skip()
  }
  return { attributes, value }
}

function readAttributes(reader: MessageReader, field: number): AttributeValues {
  return Object.assign({}, ...[...eachMessage(reader, field)].map(readAttribute))
}

function readAttribute(reader: MessageReader): Record<string, string | number | boolean> {
  let key = ''
  let value: string | number | boolean = ''
  while (reader.next()) {
    if (reader.field === 1) key = reader.text()
    else if (reader.field === 2) value = readValue(reader.message('AnyValue'))
    else reader.skip()
  }
  return { [key]: value }
}

/** AnyValue: 1 string, 2 bool, 3 int64, 4 double. */
function readValue(reader: MessageReader): string | number | boolean {
  if (!reader.next()) return ''
  if (reader.field === 1) return reader.text()
  if (reader.field === 2) return reader.bool()
  return reader.field === 3 ? Number(reader.int64()) : reader.double()
}

/** The eight bytes that were read as a double, as the whole number that they are. */
function asInteger(bits: number): number {
  const view = new DataView(new ArrayBuffer(8))
  view.setFloat64(0, bits)
  return Number(view.getBigInt64(0))
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
