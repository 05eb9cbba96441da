import type { LoadReport } from '../models/session/load-report.ts'

export interface RequestFacts {
  readonly service: string
  readonly report: Pick<LoadReport, 'scriptKind' | 'inputSample' | 'isSampleScored' | 'mediaTypes'>
  /** The `auth.mode` of `service.json`. */
  readonly authMode: 'key' | 'token' | 'none'
  /** Where the app listens, e.g. `http://localhost:7071`. */
  readonly url: string
}

/**
 * Writes the requests of a service as a `.http` file, for VS Code (REST Client), JetBrains IDEs, httpYac and others. It uses what
 * all of them understand: `@name = value`, `{{name}}`, `###` (https://http-files.org). The file holds no key, only the name of the
 * variable that does.
 */
export function describeRequests({ service, report, authMode, url }: RequestFacts): string {
  const variable = `SCORING_KEY_${service.toUpperCase().replaceAll('-', '_')}`
  const authorization = authMode === 'none' ? [] : [`Authorization: Bearer {{${variable}}}`]
  const path = `{{host}}/api/v1/service/${service}`
  const asJson = ['Content-Type: application/json', ...authorization]
  const requests: Request[] = [
    {
      title: report.isSampleScored
        ? `Score ${service}`
        : `Score ${service}: replace the values, they only show the form`,
      line: `POST ${path}/score`,
      headers: asJson,
      body: report.inputSample ?? '{}',
    },
    ...(report.mediaTypes ?? []).filter(isImage).map(type => ({
      title: `Score an image, here input.${type.slice('image/'.length)} beside this file`,
      line: `POST ${path}/score`,
      headers: [`Content-Type: ${type}`, ...authorization],
      body: `< ./input.${type.slice('image/'.length)}`,
    })),
    // Only a script itself knows what is wrong with a text or a request.
    ...(report.scriptKind === 'typed'
      ? [
          {
            title: 'A wrong body: 400, and a message that says why',
            line: `POST ${path}/score`,
            headers: asJson,
            body: '{}',
          },
        ]
      : []),
    { title: 'State of all services, with versions and notes', line: 'GET {{host}}/health/ready' },
    { title: 'OpenAPI document', line: `GET ${path}/swagger.json?version=3`, headers: authorization },
    {
      title: `Submit a batch job: upload a CSV file as input/${service}.csv to the storage account first`,
      line: `POST ${path}/jobs`,
      headers: asJson,
      body: `{ "jobId": "try-{{$timestamp}}", "input": { "blob": "input/${service}.csv" } }`,
    },
    { title: 'The latest jobs', line: `GET ${path}/jobs`, headers: authorization },
  ]
  return [describeVariables({ service, authMode, url, variable }), ...requests.map(describeRequest)].join('\n')
}

interface Request {
  readonly title: string
  readonly line: string
  readonly headers?: readonly string[]
  readonly body?: string
}

function describeRequest({ title, line, headers = [], body }: Request): string {
  return `### ${title}\n${[line, ...headers].join('\n')}\n${body === undefined ? '' : `\n${body.trim()}\n`}`
}

function describeVariables({
  service,
  authMode,
  url,
  variable,
}: Pick<RequestFacts, 'service' | 'authMode' | 'url'> & { variable: string }): string {
  const host = `@host = ${url}\n`
  if (authMode === 'none') return host
  const value =
    authMode === 'key' ? `A key of ${service}: npx scoring keys show ${service}` : 'A token of Microsoft Entra ID'
  return `# ${value}
# Put it into a file that git ignores. VS Code reads ${variable}=… from .env, in this folder or one above;
# JetBrains IDEs read { "local": { "${variable}": "…" } } from http-client.private.env.json.
@${variable} = {{$dotenv ${variable}}}
${host}`
}

function isImage(mediaType: string): boolean {
  return /^image\/[a-z]+$/.test(mediaType)
}
