/** The files that the interactive page of a service loads: script, style, their licence. */
export const docsFileTypes = {
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
  'swagger-ui-bundle.js.LICENSE.txt': 'text/plain; charset=utf-8',
  'page.css': 'text/css; charset=utf-8',
  'page.js': 'text/javascript; charset=utf-8',
} as const
export type DocsFileName = keyof typeof docsFileTypes

export interface DocsFile {
  /** Changes when the content does; safe in a URL and in an ETag. */
  readonly version: string
  /** The content, compressed when the app was built: 1.7 MB are not compressed again for every reader. */
  readonly gzipped: Uint8Array
  /** The content for the few clients that do not take gzip. */
  plain(): Promise<Uint8Array>
}

/** Where the files are. Port: `adapters/local/folder-docs-files.ts` implements it. */
export interface DocsFiles {
  /** Read when it is first asked for, kept afterwards. */
  fetchFile(name: DocsFileName): Promise<DocsFile>
}

/** A name that a caller sent; it is only ever looked up, never joined to a path. */
export function isDocsFileName(name: string): name is DocsFileName {
  return Object.hasOwn(docsFileTypes, name)
}
