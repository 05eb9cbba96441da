// Apart from the schema, because the first thread is started with it before zod is loaded.

/** MiB of JavaScript memory that a thread of a service may hold, unless its `service.json` says another number. */
export const defaultMaxMemoryMb = 2048
