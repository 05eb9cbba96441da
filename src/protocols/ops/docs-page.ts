import type { DocsFileName } from './docs-files.ts'

/** The page's icon; without one, browsers request it from the server. */
const icon =
  "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E" +
  "%3Crect width='16' height='16' rx='4' fill='%230b6bcb'/%3E" +
  "%3Cpath d='M3 11.5 6.5 7l2.5 2.5L13 4.5' fill='none' stroke='white' stroke-width='1.8'/%3E%3C/svg%3E"

interface DocsPage {
  readonly service: string
  /** Whether the document needs a credential, which the page then asks for. */
  readonly isProtected: boolean
  readonly linkTo: (file: DocsFileName) => string
}

/**
 * Renders the interactive page, which its scripts then fill. It holds only the name of the service. All links are relative,
 * so it works on both routes and behind a path prefix.
 */
export function renderDocsPage({ service, isProtected, linkTo }: DocsPage): string {
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
<button id="retry" type="button" hidden>Try again</button>
<noscript><p>This page needs JavaScript. The description itself is <a href="swagger.json?version=3.1">swagger.json</a>.</p></noscript>
</main>
<div id="ui"></div>
</body>
</html>
`
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, character => `&#${character.charCodeAt(0)};`)
}
