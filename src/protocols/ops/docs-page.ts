import type { DocsFileName } from './docs-files.ts'
import { escapeHtml, icon } from './html-page.ts'

interface DocsPage {
  readonly service: string
  /** Whether the document needs a credential, which the page then asks for. */
  readonly isProtected: boolean
  /** Sentences for the owner of the service. */
  readonly about: readonly string[]
  /** Why the service cannot be used, for its owner. */
  readonly failure: string | undefined
  readonly linkTo: (file: DocsFileName) => string
}

/**
 * Renders the interactive page, which its scripts then fill. It holds the name of the service and `about`. All links are relative,
 * so it works on both routes and behind a path prefix.
 */
export function renderDocsPage({ service, isProtected, about, failure, linkTo }: DocsPage): string {
  const name = escapeHtml(service)
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>${name}: API</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="${icon}">
<link rel="stylesheet" href="${linkTo('swagger-ui.css')}">
<link rel="stylesheet" href="${linkTo('page.css')}">
<script src="${linkTo('swagger-ui-bundle.js')}" defer></script>
<script src="${linkTo('page.js')}" type="module"></script>
</head>
<body${isProtected ? ' data-protected' : ''}>
<main id="gate">
<h1>${name}</h1>
<p id="status" role="status">Loading…</p>
<form id="unlock" hidden>
<label for="key">The description of this service is protected. Enter a key or token of the service.</label>
<div><input id="key" type="password" autocomplete="off" spellcheck="false" required placeholder="Key or token">
<button>Open</button></div>
</form>
${failure === undefined ? '' : `<p id="failure" class="failure" hidden>${escapeHtml(failure)}</p>\n`}<button id="retry" type="button" hidden>Try again</button>
<noscript><p>This page needs JavaScript. The description itself is <a href="swagger.json?version=3.1">swagger.json</a>.</p></noscript>
</main>
<aside id="about" hidden>${about.map(text => `<p>${escapeHtml(text)}</p>`).join('')}</aside>
<div id="ui"></div>
</body>
</html>
`
}
