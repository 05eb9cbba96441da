/**
 * Runs in the browser, on the page that `protocols/ops/docs-page.ts` renders: loads the service's OpenAPI document and passes
 * it to Swagger UI. Keys stay in the memory of the page.
 */
const gate = document.getElementById('gate')
const status = document.getElementById('status')
const unlock = document.getElementById('unlock')
const keyField = document.getElementById('key')
const retry = document.getElementById('retry')
/** Why the service had failed when the page was made: in Development only. */
const failure = document.getElementById('failure')

// The Swagger 2.0 document says that the service is HTTPS only, which http://localhost is not.
const documentUrl = new URL('swagger.json?version=3.1', location.href)
/** URL under which the app's routes begin; behind a gateway it may have a path. */
const base = location.origin + location.pathname.replace(/(\/api\/v1\/service\/[^/]+)?\/docs$/i, '')
/** The address in the code samples of the document (`protocols/openapi/code-samples.ts`). */
const appPlaceholder = 'https://<app>'
/** What stands for a credential in them. */
const placeholders = ['<key>', '<token>']
/** `info.version` of a document whose service has no version. */
const noVersion = '1.0'
/** The name of the security scheme in Azure ML's documents. */
const schemeName = 'Bearer'

/** @param {string} [key] the key that was entered, if the document is protected */
async function open(key) {
  let response
  try {
    response = await fetch(documentUrl, { headers: key ? { authorization: asBearer(key) } : {}, cache: 'no-store' })
  } catch {
    return offerRetry('The server cannot be reached.', () => openAgain(key))
  }
  const answer = await response.json().catch(() => ({}))
  if (response.ok) return show(answer, key)
  const reason = answer.message ?? `The server answered ${response.status}.`
  if (response.status === 401) return ask(reason)
  if (answer.code !== 'SERVICE_LOADING') {
    if (failure) failure.hidden = false
    // The next page says why the service fails then.
    return offerRetry(reason, () => (key === undefined ? location.reload() : openAgain(key)))
  }
  status.textContent = reason
  setTimeout(open, 1000 * (response.headers.get('retry-after') ?? 1), key)
}

function openAgain(key) {
  unlock.hidden = true
  retry.hidden = true
  status.textContent = 'Loading…'
  open(key)
}

function offerRetry(reason, tryAgain) {
  status.textContent = reason
  retry.hidden = false
  retry.onclick = tryAgain
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
  const { info } = description
  const link = { url: documentUrl.href, description: 'swagger.json' }
  offerFiles(description)
  const ui = globalThis.SwaggerUIBundle({
    spec: {
      ...description,
      info: { ...info, version: nameVersion(info?.version) },
      servers: [{ url: base }],
      externalDocs: isPublic ? link : undefined,
    },
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
    plugins: [exactIntegers, () => aboutService(findSamples(description)), () => keyForm(info?.title)],
    onComplete: () => {
      gate.hidden = true
      if (key) ui.preauthorizeApiKey(schemeName, key)
      if (location.hash === '') ui.layoutActions.show(['operations', 'default', 'RunMLService'], true)
    },
  })
}

function nameVersion(version) {
  return version === undefined || version === noVersion ? '' : `version ${version}`
}

/** Returns calls of the service that can be pasted, with the address of this page. */
function findSamples({ paths }) {
  const operations = Object.values(paths ?? {}).map(({ post }) => post)
  const samples = operations.find(post => post?.['x-codeSamples'])?.['x-codeSamples'] ?? []
  return samples.map(({ label, source }) => ({ label, source: source.replaceAll(appPlaceholder, base) }))
}

/** Shows what the server says of the service (in Development) and calls of it, below its title. */
function aboutService(samples) {
  const facts = [...document.querySelectorAll('#about p')].map(({ textContent }) => textContent)
  return {
    wrapComponents: {
      InfoContainer:
        (Original, { React: { createElement: make, useState } }) =>
        props => {
          const [chosen, choose] = useState(0)
          const [copied, setCopied] = useState(-1)
          const source = samples[chosen]?.source
          const tabs = samples.map(({ label }, index) =>
            make(
              'button',
              {
                key: label,
                type: 'button',
                role: 'tab',
                'aria-selected': index === chosen,
                onClick: () => choose(index),
              },
              label,
            ),
          )
          const copy = async () => {
            await navigator.clipboard.writeText(source)
            setCopied(chosen)
          }
          const copyButton =
            navigator.clipboard &&
            make(
              'button',
              { key: 'copy', type: 'button', className: 'copy', onClick: copy },
              copied === chosen ? 'Copied' : 'Copy',
            )
          return make(
            'div',
            null,
            make(Original, props),
            make(
              'section',
              { className: 'scoring' },
              ...facts.map(text => make('p', { key: text }, text)),
              facts.length > 0 && make('p', null, make('a', { href: `${base}/` }, 'All services')),
              source && make('h2', null, 'Call it'),
              source && make('div', { className: 'tabs', role: 'tablist' }, ...tabs, copyButton),
              source && make('pre', { tabIndex: 0 }, make('code', null, source)),
              ...placeholders
                .filter(placeholder => source?.includes(placeholder))
                .map(placeholder =>
                  make(
                    'p',
                    { key: placeholder },
                    `Put a ${placeholder.slice(1, -1)} of the service in place of ${placeholder}.`,
                  ),
                ),
            ),
          )
        },
    },
  }
}

/** Asks for the key in words, where Swagger UI would show the parts of an OpenAPI security scheme. */
function keyForm(service) {
  return {
    wrapComponents: {
      apiKeyAuth:
        (_, { React: { createElement: make } }) =>
        ({ name, schema, authorized, onChange }) => {
          const inUse = authorized?.getIn([name, 'value'])
          const field = make('input', {
            type: 'password',
            autoComplete: 'off',
            autoFocus: true,
            onChange: ({ target: { value } }) => onChange({ name, schema, value }),
          })
          return make(
            'div',
            { className: 'scoring-key' },
            make('h4', null, `Key or token of ${service}`),
            inUse
              ? make('p', null, 'A key is in use.')
              : make('label', null, 'Paste the key or token only; "Bearer " is added for you.', field),
          )
        },
    },
  }
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
