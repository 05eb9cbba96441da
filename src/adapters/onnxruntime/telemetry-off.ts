/**
 * Turns the telemetry of ONNX Runtime off. Since 1.29 its official builds report to their maker outside Windows too, by
 * default: that a session was made, the file name and graph name of its model, hashes of graph and weights.
 *
 * The native library reads the environment of the process, which only the main thread can change: so this is imported by
 * whatever starts threads, and before `onnxruntime-node` wherever that is imported.
 */
process.env.ORT_DISABLE_TELEMETRY ??= '1'
