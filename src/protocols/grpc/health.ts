/** `grpc.health.v1.Health`, which load balancers and Kubernetes ask. It needs no key, as the health pages over HTTP. */
import { ScoringError, showName } from '../../errors.ts'
import type { ReadyWhen, ServiceCatalogue } from '../../models/catalogue/service-catalogue.ts'
import { MessageReader } from './message-reader.ts'
import { MessageWriter } from './message-writer.ts'
import type { GrpcService, StreamCall } from './method.ts'

/** `HealthCheckResponse.ServingStatus` */
const servingStatus = { SERVING: 1, NOT_SERVING: 2, SERVICE_UNKNOWN: 3 } as const

/** How soon a watcher is told of a change. */
const lookEveryMs = 500

interface HealthSource {
  readonly catalogue: ServiceCatalogue
  readonly readyWhen: ReadyWhen
  /** Names of the gRPC services, which are as healthy as the app. */
  readonly grpcServices: ReadonlySet<string>
}

/** The gRPC service that tells whether the app and its services can score. */
export function healthService(source: HealthSource): GrpcService {
  return {
    name: 'grpc.health.v1.Health',
    methods: {
      Check: { kind: 'unary', answer: message => answerCheck(readName(message), source) },
      Watch: { kind: 'stream', answer: call => answerWatch(call, source) },
    },
  }
}

/** @throws ScoringError SERVICE_UNKNOWN */
function answerCheck(name: string, source: HealthSource): MessageWriter {
  const status = findStatus(name, source)
  if (status === servingStatus.SERVICE_UNKNOWN)
    throw new ScoringError('SERVICE_UNKNOWN', `There is no service ${showName(name)} to check.`)
  return encodeStatus(status)
}

/** Tells the status, and each change of it, until the caller leaves. */
async function answerWatch(call: StreamCall, source: HealthSource): Promise<void> {
  const message = await call.next()
  if (!message) throw new ScoringError('BODY_EMPTY', 'The call ended without a message.')
  const name = readName(message)
  let told: number | undefined
  do {
    const status = findStatus(name, source)
    if (status !== told) await call.send(encodeStatus(status))
    told = status
  } while (await call.pause(lookEveryMs))
  throw new ScoringError('SERVICE_STOPPING', 'The service is shutting down; call again.')
}

/** @param name  '': the app; a service; or a gRPC service, which stands for the app */
function findStatus(name: string, { catalogue, readyWhen, grpcServices }: HealthSource): number {
  const isApp = name === '' || grpcServices.has(name)
  const service = isApp ? undefined : catalogue.get(name)
  if (!isApp && !service) return servingStatus.SERVICE_UNKNOWN
  const isReady = service ? service.isReady : catalogue.isReady(readyWhen)
  return isReady ? servingStatus.SERVING : servingStatus.NOT_SERVING
}

function encodeStatus(status: number): MessageWriter {
  return new MessageWriter().integer(1, status)
}

/** `HealthCheckRequest` */
function readName(message: Uint8Array): string {
  const reader = new MessageReader(message, 'HealthCheckRequest')
  let name = ''
  while (reader.next()) {
    if (reader.field === 1) name = reader.text()
    else reader.skip()
  }
  return name
}
