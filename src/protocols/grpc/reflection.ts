/** `grpc.reflection.v1.ServerReflection`, and `v1alpha` with the same messages: schemas for tools such as grpcurl. */
import type { FileDescriptors } from './file-descriptors.ts'
import { MessageReader } from './message-reader.ts'
import { MessageWriter } from './message-writer.ts'
import type { GrpcCall, GrpcService, StreamCall } from './method.ts'
import { grpcStatus } from './status.ts'

interface ReflectionSource {
  /** Names of the gRPC services that there are. */
  readonly grpcServices: readonly string[]
  readonly files: FileDescriptors
  /** @throws ScoringError when the caller may not see them */
  readonly authorize: (call: GrpcCall) => Promise<void>
}

/** Numbers of the fields in ServerReflectionRequest and ServerReflectionResponse. */
const request = {
  host: 1,
  fileByFilename: 3,
  fileContainingSymbol: 4,
  fileContainingExtension: 5,
  allExtensions: 6,
  listServices: 7,
}
const response = { validHost: 1, originalRequest: 2, fileDescriptors: 4, allExtensions: 5, listServices: 6, error: 7 }

/** The gRPC services that hand out the schemas of all others, in both versions. */
export function reflectionServices(source: ReflectionSource): GrpcService[] {
  const methods = {
    ServerReflectionInfo: { kind: 'stream', answer: (call: StreamCall) => answerReflection(call, source) },
  } as const
  return [
    { name: 'grpc.reflection.v1.ServerReflection', methods },
    { name: 'grpc.reflection.v1alpha.ServerReflection', methods },
  ]
}

async function answerReflection(call: StreamCall, source: ReflectionSource): Promise<void> {
  await source.authorize(call)
  for (let message = await call.next(); message; message = await call.next())
    await call.send(answerRequest(message, source))
}

/** What is asked, in the last field that is there of a `oneof`. */
function answerRequest(message: Uint8Array, { files, grpcServices }: ReflectionSource): MessageWriter {
  const reader = new MessageReader(message, 'ServerReflectionRequest')
  const answer = new MessageWriter()
  let result = () => encodeError(answer, grpcStatus.INVALID_ARGUMENT, 'The request asks for nothing.')
  while (reader.next()) {
    switch (reader.field) {
      case request.host:
        answer.text(response.validHost, reader.text())
        break
      case request.fileByFilename: {
        const name = reader.text()
        result = () => encodeFiles(answer, files.findByName(name))
        break
      }
      case request.fileContainingSymbol: {
        const symbol = reader.text()
        result = () => encodeFiles(answer, files.findBySymbol(symbol))
        break
      }
      case request.listServices:
        reader.skip()
        result = () => encodeServices(answer, grpcServices)
        break
      case request.fileContainingExtension:
      case request.allExtensions:
        reader.skip()
        result = () => encodeError(answer, grpcStatus.NOT_FOUND, 'The schemas have no extensions.')
        break
      default:
        reader.skip()
    }
  }
  answer.bytes(response.originalRequest, message)
  return result()
}

function encodeFiles(answer: MessageWriter, files: readonly Uint8Array[]): MessageWriter {
  if (files.length === 0) return encodeError(answer, grpcStatus.NOT_FOUND, 'There is no such file or symbol.')
  const descriptors = new MessageWriter()
  for (const file of files) descriptors.bytes(1, file)
  return answer.message(response.fileDescriptors, descriptors)
}

function encodeServices(answer: MessageWriter, names: readonly string[]): MessageWriter {
  const services = new MessageWriter()
  for (const name of names) services.message(1, new MessageWriter().text(1, name))
  return answer.message(response.listServices, services)
}

function encodeError(answer: MessageWriter, status: number, text: string): MessageWriter {
  return answer.message(response.error, new MessageWriter().integer(1, status).text(2, text))
}
