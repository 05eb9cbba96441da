/** The files that the interactive page loads: scripts, styles and their licence. */
export const docsFileTypes = {
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
  'swagger-ui-bundle.js.LICENSE.txt': 'text/plain; charset=utf-8',
  'page.css': 'text/css; charset=utf-8',
  'page.js': 'text/javascript; charset=utf-8',
} as const
export type DocsFileName = keyof typeof docsFileTypes

export interface DocsFile {
  /** Changes with the content; safe in URLs and ETags. */
  readonly version: string
  /** The content, compressed with Brotli at build time because compressing 1.7 MB for every reader is slow. */
  readonly brotli: Uint8Array
  /** Returns the content for clients that do not accept Brotli, such as browsers without TLS. Compressed once. */
  gzipped(): Promise<Uint8Array>
  /** Returns the content for the few clients that accept neither. */
  plain(): Promise<Uint8Array>
}

/** Reads the files. Port: `adapters/local/folder-docs-files.ts` implements it. */
export interface DocsFiles {
  /** Reads a file on first use and caches it. */
  fetchFile(name: DocsFileName): Promise<DocsFile>
}

/** Whether a caller's name is that of a file; it is only looked up, never joined to a path. */
export function isDocsFileName(name: string): name is DocsFileName {
  return Object.hasOwn(docsFileTypes, name)
}
