/**
 * Runs in the browser, on the page that `protocols/ops/docs-page.ts` renders: loads the service's OpenAPI document and passes
 * it to Swagger UI. Keys stay in the memory of the page.
 */
const gate = document.getElementById('gate')
const status = document.getElementById('status')
const unlock = document.getElementById('unlock')
const keyField = document.getElementById('key')
const retry = document.getElementById('retry')

// The Swagger 2.0 document says that the service is HTTPS only, which http://localhost is not.
const documentUrl = new URL('swagger.json?version=3.1', location.href)
/** URL under which the app's routes begin; behind a gateway it may have a path. */
const base = location.origin + location.pathname.replace(/(\/api\/v1\/service\/[^/]+)?\/docs$/i, '')
/** The name of the security scheme in Azure ML's documents. */
const schemeName = 'Bearer'

/** @param {string} [key] the key that was entered, if the document is protected */
async function open(key) {
  let response
  try {
    response = await fetch(documentUrl, { headers: key ? { authorization: asBearer(key) } : {}, cache: 'no-store' })
  } catch {
    return offerRetry('The server cannot be reached.', key)
  }
  const answer = await response.json().catch(() => ({}))
  if (response.ok) return show(answer, key)
  const reason = answer.message ?? `The server answered ${response.status}.`
  if (response.status === 401) return ask(reason)
  if (answer.code !== 'SERVICE_LOADING') return offerRetry(reason, key)
  status.textContent = reason
  setTimeout(open, 1000 * (response.headers.get('retry-after') ?? 1), key)
}

function openAgain(key) {
  unlock.hidden = true
  retry.hidden = true
  status.textContent = 'Loading…'
  open(key)
}

function offerRetry(reason, key) {
  status.textContent = reason
  retry.hidden = false
  retry.onclick = () => openAgain(key)
}

function ask(reason) {
  status.textContent = reason
  unlock.hidden = false
  keyField.select()
}

/** Returns the header for a key that was pasted with or without its scheme. */
function asBearer(key) {
  const given = key.trim()
  return /^bearer\s/i.test(given) ? given : `Bearer ${given}`
}

function show(description, key) {
  const isPublic = key === undefined
  const scheme = description.components?.securitySchemes?.[schemeName]
  if (scheme) scheme.description = 'The plain key or token; "Bearer " is added.'
  const link = { url: documentUrl.href, description: 'swagger.json' }
  offerFiles(description)
  const ui = globalThis.SwaggerUIBundle({
    spec: { ...description, servers: [{ url: base }], externalDocs: isPublic ? link : undefined },
    domNode: document.getElementById('ui'),
    deepLinking: true,
    displayRequestDuration: true,
    defaultModelsExpandDepth: 0,
    persistAuthorization: false,
    validatorUrl: null,
    requestInterceptor: request => {
      const { Authorization: given } = request.headers
      if (given !== undefined) request.headers.Authorization = asBearer(given)
      return request
    },
    plugins: [exactIntegers],
    onComplete: () => {
      gate.hidden = true
      if (key) ui.preauthorizeApiKey(schemeName, key)
      if (location.hash === '') ui.layoutActions.show(['operations', 'default', 'RunMLService'], true)
    },
  })
}

/** Makes Swagger UI offer a file field for every binary type, because 3.1 has no schema for bytes and it knows few types by name. */
function offerFiles({ paths }) {
  for (const { post } of Object.values(paths ?? {}))
    for (const media of Object.values(post?.requestBody?.content ?? {}))
      if (media.schema && Object.keys(media.schema).length === 0) media.schema = { type: 'string', format: 'binary' }
}

/** Shows answers with integers above 2^53 unformatted, because Swagger UI would round them. */
function exactIntegers() {
  const isLong = /(?<![\d.])\d{16,}(?![\d.eE])/
  return {
    wrapComponents: {
      responseBody:
        (Original, { React }) =>
        props => {
          const isKept =
            /json/i.test(props.contentType) && typeof props.content === 'string' && isLong.test(props.content)
          return React.createElement(Original, isKept ? { ...props, contentType: 'text/plain' } : props)
        },
    },
  }
}

const prefersDark = matchMedia('(prefers-color-scheme: dark)')
const dress = () => document.documentElement.classList.toggle('dark-mode', prefersDark.matches)
prefersDark.addEventListener('change', dress)
dress()

unlock.addEventListener('submit', event => {
  event.preventDefault()
  openAgain(keyField.value)
})

if (!globalThis.SwaggerUIBundle) status.textContent = 'This page did not load completely. Please reload it.'
else if (document.body.hasAttribute('data-protected')) ask('')
else open()
