import type { ScoringService } from '../../inference/scoring-service.ts'
import { allow, answerFailure, answerUnknownPath, refuseTrailingSlash } from '../azureml/endpoints.ts'
import { encodeEmpty } from '../azureml/respond.ts'
import { acceptsGzip } from '../http/content-encoding.ts'
import { noSniff, type WireRequest, type WireResponse } from '../http/wire.ts'
import { type DocsFile, type DocsFileName, type DocsFiles, docsFileTypes, isDocsFileName } from './docs-files.ts'
import { renderDocsPage } from './docs-page.ts'

/** The service that a page documents, and the files that the page loads. */
export interface DocsSource {
  readonly service: ScoringService
  readonly files: DocsFiles
}

/** Allows scripts and styles from our own files and connections to the page's origin; forbids framing. */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data: blob:", // Swagger UI's own pictures, and pictures in answers
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

const guards = { ...noSniff, 'referrer-policy': 'no-referrer' }

/**
 * Answers `…/docs` with the interactive page. The page is public, because a browser cannot send a key when it opens a page;
 * the document that it loads is protected as usual. Never throws.
 */
export function answerDocsPage(request: WireRequest, find: () => Promise<DocsSource>): Promise<WireResponse> {
  return answer(request, find, async ({ service, files }) => {
    const versions = new Map<string, string>()
    for (const name of ['swagger-ui.css', 'swagger-ui-bundle.js', 'page.css', 'page.js'] as const)
      versions.set(name, (await files.fetchFile(name)).version)
    const body = renderDocsPage({
      service: service.name,
      isProtected: service.authorizer !== undefined && !service.definition.openapi.public,
      linkTo: name => `docs/${name}?v=${versions.get(name)}`,
    })
    const headers = {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': contentSecurityPolicy,
      'cache-control': 'no-cache',
      ...guards,
    }
    return { status: 200, headers, body }
  })
}

/** Answers `…/docs/{file}` with a file that the page loads. Never throws. */
export function answerDocsFile(
  request: WireRequest,
  name: string,
  find: () => Promise<DocsSource>,
): Promise<WireResponse> {
  return answer(request, find, async ({ files }) =>
    isDocsFileName(name) ? answerFile(request, name, await files.fetchFile(name)) : answerUnknownPath(),
  )
}

async function answer(
  request: WireRequest,
  find: () => Promise<DocsSource>,
  read: (source: DocsSource) => Promise<WireResponse>,
): Promise<WireResponse> {
  try {
    refuseTrailingSlash(request)
    const source = await find()
    allow(request.method, ['GET', 'HEAD', 'OPTIONS'])
    if (request.method === 'OPTIONS') return encodeEmpty({ allow: 'HEAD, GET, OPTIONS' })
    return await read(source)
  } catch (failure) {
    return answerFailure(failure, {})
  }
}

async function answerFile(request: WireRequest, name: DocsFileName, file: DocsFile): Promise<WireResponse> {
  const etag = `W/"${file.version}"` // weak: the same for both encodings
  const headers = {
    'content-type': docsFileTypes[name],
    // During a rollout, a page from one instance may request its files from another.
    'cache-control': asksFor(file.version, request) ? 'public, max-age=31536000, immutable' : 'no-cache',
    etag,
    vary: 'Accept-Encoding',
    ...guards,
  }
  if (knows(etag, request.headers.get('if-none-match'))) return { status: 304, headers }
  if (!acceptsGzip(request.headers.get('accept-encoding') ?? ''))
    return { status: 200, headers, body: await file.plain() }
  return { status: 200, headers: { ...headers, 'content-encoding': 'gzip' }, body: file.gzipped }
}

function asksFor(version: string, { query }: WireRequest): boolean {
  for (const [name, value] of query.entries()) if (name === 'v') return value === version
  return false
}

/** RFC 9110, section 13.1.2: a list of tags or `*`, compared weakly. */
function knows(etag: string, ifNoneMatch: string | null): boolean {
  const tags = (ifNoneMatch ?? '').split(',').map(tag => tag.trim())
  return tags.some(tag => tag === '*' || tag.replace(/^(W\/)?/, 'W/') === etag)
}
