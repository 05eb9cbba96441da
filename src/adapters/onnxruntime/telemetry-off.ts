/**
 * Turns the telemetry of ONNX Runtime off. Since 1.29 its official builds report to their maker by default, outside Windows
 * too: that a session was made, the file name and graph name of its model, hashes of graph and weights.
 *
 * The native library reads the environment of the process, which only the main thread can change. So every file that starts
 * threads imports this, and every file that imports `onnxruntime-node` imports this first.
 */
process.env.ORT_DISABLE_TELEMETRY ??= '1'
