import { listNotes } from '../../inference/describe-service.ts'
import type { ScoringService } from '../../inference/scoring-service.ts'
import type { ServiceCatalogue } from '../../models/catalogue/service-catalogue.ts'
import { allow, answerFailure, answerUnknownPath, refuseTrailingSlash } from '../azureml/endpoints.ts'
import { encodeEmpty } from '../azureml/respond.ts'
import { chooseFileCoding } from '../http/content-encoding.ts'
import type { WireRequest, WireResponse } from '../http/wire.ts'
import { type DocsFile, type DocsFileName, type DocsFiles, docsFileTypes, isDocsFileName } from './docs-files.ts'
import { renderDocsPage } from './docs-page.ts'
import { acceptsHtml, guards, pageHeaders } from './html-page.ts'
import { renderClosedIndexPage, renderIndexPage } from './index-page.ts'

/** What pages are made from. */
export interface PageSource {
  readonly catalogue: ServiceCatalogue
  readonly files: DocsFiles
  /** Outside Development nobody learns from pages which services there are, and what their owners are told. */
  readonly isDevelopment: boolean
}

type FindPages = () => Promise<PageSource>

/**
 * Answers `…/docs` with the interactive page. The page is public, because a browser cannot send a key when it opens a page;
 * the document that it loads is protected as usual. Never throws.
 */
export function answerDocsPage(request: WireRequest, name: string, find: FindPages): Promise<WireResponse> {
  return answer(request, async () => {
    const source = await find()
    const service = source.catalogue.find(name)
    return () => showService(service, source)
  })
}

/**
 * Answers `/docs` with the page of the default service. Where there is none, browsers get the index of services, or are told
 * how to reach one. Never throws.
 */
export function answerDefaultDocsPage(request: WireRequest, find: FindPages): Promise<WireResponse> {
  return answer(request, async () => {
    const source = await find()
    try {
      const service = source.catalogue.findDefault()
      return () => showService(service, source)
    } catch (failure) {
      if (!acceptsHtml(request.headers.get('accept'))) throw failure
      return () => (source.isDevelopment ? showIndex(source) : showClosedIndex(source))
    }
  })
}

/** Answers `…/docs/{file}` of a service with a file that the page loads. Never throws. */
export function answerDocsFile(
  request: WireRequest,
  { service, file }: { service: string; file: string },
  find: FindPages,
): Promise<WireResponse> {
  return answer(request, async () => {
    const { catalogue, files } = await find()
    catalogue.find(service)
    return () => showFile(request, file, files)
  })
}

/** Answers `/docs/{file}`, which the index needs too. Never throws. */
export function answerDefaultDocsFile(request: WireRequest, file: string, find: FindPages): Promise<WireResponse> {
  return answer(request, async () => {
    const { files } = await find()
    return () => showFile(request, file, files)
  })
}

/**
 * Answers `/` with the index of services for a browser in Development.
 *
 * @param otherwise  the answer for all others
 */
export async function answerIndexPage(
  request: WireRequest,
  find: FindPages,
  otherwise: () => WireResponse,
): Promise<WireResponse> {
  const isRead = request.method === 'GET' || request.method === 'HEAD'
  if (isRead && acceptsHtml(request.headers.get('accept'))) {
    try {
      const source = await find()
      if (source.isDevelopment) return await showIndex(source)
    } catch {
      // The app could not start; the other answer says that the server runs, which is true.
    }
  }
  const response = otherwise()
  return { ...response, headers: { ...response.headers, ...varyByAccept } }
}

/** @param find  finds what is to be shown, before the method is checked: an unknown service is 404 for all methods */
async function answer(
  request: WireRequest,
  find: () => Promise<() => WireResponse | Promise<WireResponse>>,
): Promise<WireResponse> {
  try {
    refuseTrailingSlash(request)
    const show = await find()
    allow(request.method, ['GET', 'HEAD', 'OPTIONS'])
    if (request.method === 'OPTIONS') return encodeEmpty({ allow: 'HEAD, GET, OPTIONS' })
    return await show()
  } catch (failure) {
    return answerFailure(failure, {})
  }
}

async function showService(service: ScoringService, { files, isDevelopment }: PageSource): Promise<WireResponse> {
  const links = new Map<string, string>()
  for (const name of ['swagger-ui.css', 'swagger-ui-bundle.js', 'page.css', 'page.js'] as const)
    links.set(name, await linkTo(files, name))
  const body = renderDocsPage({
    service: service.name,
    isProtected: service.authorizer !== undefined && !service.definition.openapi.public,
    about: isDevelopment ? describeForOwner(service) : [],
    failure: isDevelopment ? service.failure : undefined,
    linkTo: name => links.get(name) as string,
  })
  return { status: 200, headers: pageHeaders, body }
}

/** What `/health/ready` says in words. */
function describeForOwner(service: ScoringService): string[] {
  const { report } = service
  if (report?.microBatching === undefined) return []
  return [report.microBatching, ...listNotes(service).filter(note => !note.startsWith('micro-batching is '))]
}

/** Clients that accept other types get other answers from the same address. */
const varyByAccept = { vary: 'Accept' }
const indexHeaders = { ...pageHeaders, ...varyByAccept, 'cache-control': 'no-store' }

async function showIndex({ catalogue, files }: PageSource): Promise<WireResponse> {
  const body = renderIndexPage({ services: catalogue.all, stylesheet: await linkTo(files, 'page.css') })
  return { status: 200, headers: indexHeaders, body }
}

/** There is no page for this address, which the status says too. */
async function showClosedIndex({ files }: PageSource): Promise<WireResponse> {
  return { status: 404, headers: indexHeaders, body: renderClosedIndexPage(await linkTo(files, 'page.css')) }
}

/** Returns a relative link from `…/docs` or `/`. */
async function linkTo(files: DocsFiles, name: DocsFileName): Promise<string> {
  return `docs/${name}?v=${(await files.fetchFile(name)).version}`
}

async function showFile(request: WireRequest, name: string, files: DocsFiles): Promise<WireResponse> {
  return isDocsFileName(name) ? answerFile(request, name, await files.fetchFile(name)) : answerUnknownPath()
}

async function answerFile(request: WireRequest, name: DocsFileName, file: DocsFile): Promise<WireResponse> {
  const etag = `W/"${file.version}"` // weak: the same for all encodings
  const headers = {
    'content-type': docsFileTypes[name],
    // During a rollout, a page from one instance may request its files from another.
    'cache-control': asksFor(file.version, request) ? 'public, max-age=31536000, immutable' : 'no-cache',
    etag,
    vary: 'Accept-Encoding',
    ...guards,
  }
  if (knows(etag, request.headers.get('if-none-match'))) return { status: 304, headers }
  const coding = chooseFileCoding(request.headers.get('accept-encoding') ?? '')
  if (!coding) return { status: 200, headers, body: await file.plain() }
  const body = coding === 'br' ? file.brotli : await file.gzipped()
  return { status: 200, headers: { ...headers, 'content-encoding': coding }, body }
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
