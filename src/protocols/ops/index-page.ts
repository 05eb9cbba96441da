import { describeSignature } from '../../inference/load-report-line.ts'
import type { ScoringService } from '../../inference/scoring-service.ts'
import { escapeHtml, icon } from './html-page.ts'

interface IndexPage {
  readonly services: readonly ScoringService[]
  /** Relative link to `page.css`. */
  readonly stylesheet: string
}

/**
 * Renders the services of the app with their states, for developers: it names all of them, so it is for Development only.
 * All links are relative, so it works behind a path prefix.
 */
export function renderIndexPage({ services, stylesheet }: IndexPage): string {
  const isLoading = services.some(({ status }) => status === 'loading')
  const entries = [...services].sort(byName).map(renderService).join('\n')
  return renderPage({
    stylesheet,
    // The page shows states, which it learns by being loaded again; it needs no script for that.
    head: isLoading ? '<meta http-equiv="refresh" content="2">\n' : '',
    body: `<p>${countServices(services)}</p>
<ul>
${entries}
</ul>
<p><a href="health/ready">health/ready</a> has all details, <a href="metrics">metrics</a> the counters. This page is shown in Development only.</p>`,
  })
}

/** Renders the page for readers who may not learn which services there are. */
export function renderClosedIndexPage(stylesheet: string): string {
  return renderPage({
    stylesheet,
    head: '',
    body: `<p>Every service has its own page:</p>
<p><code>/api/v1/service/&#60;service&#62;/docs</code></p>
<p>The owner of a service gives you its name and a key. Without a name in the address this page needs a default service
(<code>SCORING_DEFAULT_SERVICE</code>).</p>`,
  })
}

function renderPage({ stylesheet, head, body }: { stylesheet: string; head: string; body: string }): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Scoring Functions</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
${head}<link rel="icon" href="${icon}">
<link rel="stylesheet" href="${stylesheet}">
</head>
<body>
<main id="index">
<h1>Scoring Functions</h1>
${body}
</main>
</body>
</html>
`
}

function byName(one: ScoringService, other: ScoringService): number {
  return one.name < other.name ? -1 : 1
}

function countServices(services: readonly ScoringService[]): string {
  const count = (status: ScoringService['status']) => services.filter(service => service.status === status).length
  const parts = [
    `${services.length} service${services.length === 1 ? '' : 's'}`,
    ...(count('loading') > 0 ? [`${count('loading')} loading`] : []),
    ...(count('failed') > 0 ? [`${count('failed')} not available`] : []),
  ]
  return parts.join(', ')
}

const states = { ready: 'ready', loading: 'loading', failed: 'not available', idle: 'loads with its first request' }

function renderService(service: ScoringService): string {
  const { name, status, version, definition, failure, report } = service
  const newer = service.deployments
    ? undefined
    : service.spec?.versions.findLast(each => Number(each) > Number(version))
  const path = `api/v1/service/${encodeURIComponent(name)}`
  const lines = [
    definition.description && `<p>${escapeHtml(definition.description)}</p>`,
    failure && `<p class="failure">${escapeHtml(failure)}</p>`,
    report && `<p><code>${escapeHtml(describeSignature(report))}</code></p>`,
    report?.microBatching && `<p>${escapeHtml(report.microBatching)}</p>`,
  ]
  const opens = report
    ? [`<a href="${path}/docs">try it</a>`, `<a href="${path}/swagger.json?version=3.1">swagger.json</a>`]
    : []
  const links = [...opens, describeCredential(service)]
  return `<li>
<h2><a href="${path}/docs">${escapeHtml(name)}</a> <span class="state ${status}">${states[status]}</span>${
    version === undefined
      ? ''
      : ` <span class="version">version ${escapeHtml(version)}${newer === undefined ? '' : `; ${escapeHtml(newer)} is there and not served`}</span>`
  }</h2>
${lines.filter(Boolean).join('\n')}
<p class="links">${links.join(' · ')}</p>
</li>`
}

function describeCredential({ definition }: ScoringService): string {
  switch (definition.auth.mode) {
    case 'none':
      return 'public'
    case 'token':
      return 'needs a token of Entra ID'
    case 'key':
      return 'needs a key'
  }
}
