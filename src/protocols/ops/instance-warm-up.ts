import { setTimeout as delay } from 'node:timers/promises'
import { maxWaitForLoadMs } from '../../inference/load-waiters.ts'
import type { ScoringService } from '../../inference/scoring-service.ts'
import { noSniff, type WireRequest, type WireResponse } from '../http/wire.ts'

/**
 * Whether Azure asks a new instance to get ready, before it sends requests of callers to it. Its host has a route of its own for that,
 * which it tries after those of all functions (WebScriptHostHttpRoutesManager), and so after the one for unknown paths.
 */
export function isInstanceWarmUp({ method, url }: WireRequest): boolean {
  return method === 'GET' && URL.parse(url)?.pathname.toLowerCase() === '/admin/warmup'
}

/** Answers when no service is loading any more, and after the time that a request of a caller would wait for one. */
export async function answerInstanceWarmUp(find: () => Promise<readonly ScoringService[]>): Promise<WireResponse> {
  // Services that cannot score, and a start that was refused, are the matter of health pages and the log.
  const services = await find().catch(() => [])
  const loading = services.filter(({ status }) => status !== 'idle')
  // They load in their turn: all at once, the first one would be ready when all are.
  const loads = Promise.allSettled(loading.map(service => service.load()))
  const over = new AbortController()
  await Promise.race([loads, delay(maxWaitForLoadMs, undefined, { ref: false, signal: over.signal }).catch(() => {})])
  over.abort()
  return { status: 200, headers: { 'cache-control': 'no-store', ...noSniff } }
}
