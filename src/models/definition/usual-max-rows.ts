/** `batching.maxRows` where `service.json` has none. In a file of its own, because scoring threads load no schemas. */
export const usualMaxRows = 64
