import type { HttpMethod } from '@azure/functions'

/** The host answers other methods with an empty 404; ours are 405 with a body, as Azure ML's clients know it. */
export const everyMethod: HttpMethod[] = ['GET', 'HEAD', 'OPTIONS', 'POST', 'PUT', 'DELETE', 'PATCH']
