import { functionsCore } from '../src/adapters/functions-worker/functions-core.ts'
import { requestLog, serverVersion, startedApp } from '../src/compose/app.ts'
import { openGrpc } from '../src/compose/open-grpc.ts'

/** Azure Functions has no trigger for gRPC: only the embedded host takes its calls. */
functionsCore.registerGrpc?.(
  openGrpc(async () => {
    const { catalogue, settings } = await startedApp()
    return { catalogue, settings, serverVersion, log: requestLog?.write }
  }),
)
