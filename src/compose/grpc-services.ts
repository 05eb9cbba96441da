/** The gRPC services of the app; loaded with the first call (`open-grpc.ts`). */
import type { ReadyWhen, ServiceCatalogue } from '../models/catalogue/service-catalogue.ts'
import { FileDescriptors } from '../protocols/grpc/file-descriptors.ts'
import { healthService } from '../protocols/grpc/health.ts'
import type { GrpcCall, GrpcService } from '../protocols/grpc/method.ts'
import { reflectionServices } from '../protocols/grpc/reflection.ts'
import { grpcSchemas } from '../protocols/grpc/schemas.ts'
import { createGrpcHandler, type GrpcHandler } from '../protocols/grpc/server.ts'
import { findVisibleServices } from '../protocols/http/authorized-services.ts'
import { openInferenceService } from '../protocols/open-inference/grpc-service.ts'
import { openInferenceSchemas } from '../protocols/open-inference/schemas.ts'
import { predictionService } from '../protocols/tensorflow-serving/prediction-service.ts'
import { tensorflowServingSchemas } from '../protocols/tensorflow-serving/schemas.ts'
import type { RequestEntry } from '../telemetry/log.ts'

/** What the services are answered from. */
export interface GrpcApp {
  readonly catalogue: ServiceCatalogue
  readonly settings: { readonly readyWhen: ReadyWhen; readonly isDevelopment: boolean }
  /** Value of `x-ms-server-version`; undefined: no such header. */
  readonly serverVersion: string | undefined
  /** Writes a line for each call; undefined: there is no such log. */
  readonly log: ((entry: RequestEntry) => void) | undefined
}

/** Connects the gRPC services of all protocols to the app. */
export function createGrpcServices({ catalogue, settings, serverVersion, log }: GrpcApp): GrpcHandler {
  const { readyWhen, isDevelopment } = settings
  const scoring: GrpcService[] = [openInferenceService({ catalogue, readyWhen, serverVersion }), predictionService]
  const names = scoring.map(({ name }) => name)
  const health = healthService({ catalogue, readyWhen, grpcServices: new Set(names) })
  const reflection = reflectionServices({
    grpcServices: [...names, health.name, 'grpc.reflection.v1.ServerReflection'],
    files: new FileDescriptors([grpcSchemas, openInferenceSchemas, tensorflowServingSchemas]),
    authorize: async (call: GrpcCall) => {
      if (!isDevelopment) await findVisibleServices(call.request, catalogue.all)
    },
  })
  return createGrpcHandler({ catalogue, services: [...scoring, health, ...reflection], serverVersion, log })
}
