/**
 * Runs in the browser, on the page that `protocols/docs-page.ts` renders: loads the service's OpenAPI document and hands
 * it to Swagger UI. Keys stay in the memory of the page.
 */
const gate = document.getElementById('gate')
const status = document.getElementById('status')
const unlock = document.getElementById('unlock')
const keyField = document.getElementById('key')
const retry = document.getElementById('retry')

// Swagger 2.0 would say that the service speaks HTTPS only, which http://localhost does not.
const documentUrl = new URL('swagger.json?version=3.1', location.href)
/** Where the app's routes begin: not always at the root, as there may be a gateway in front. */
const base = location.origin + location.pathname.replace(/(\/api\/v1\/service\/[^/]+)?\/docs$/i, '')
/** The only name that Azure ML's documents give a security scheme. */
const schemeName = 'Bearer'

/** @param {string} [key] what the reader has typed, when the document is for callers with a key */
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

/** The header's value for a key that was pasted with or without its scheme. */
function asBearer(key) {
  const given = key.trim()
  return /^bearer\s/i.test(given) ? given : `Bearer ${given}`
}

function show(description, key) {
  const isPublic = key === undefined
  const scheme = description.components?.securitySchemes?.[schemeName]
  if (scheme) scheme.description = 'The key or token as it is: "Bearer " is put in front of it.'
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

/** In 3.1 bytes have no schema, and Swagger UI offers a file for those types alone whose names it knows: not for `.npy`. */
function offerFiles({ paths }) {
  for (const { post } of Object.values(paths ?? {}))
    for (const media of Object.values(post?.requestBody?.content ?? {}))
      if (media.schema && Object.keys(media.schema).length === 0) media.schema = { type: 'string', format: 'binary' }
}

/** Swagger UI lays answers out anew and would round whole numbers above 2^53; answers with such stay as they came. */
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
else if (document.body.hasAttribute('data-locked')) ask('')
else open()
