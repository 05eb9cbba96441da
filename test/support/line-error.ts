interface ErrorBody {
  readonly code: string
  readonly message: string
}

/** The error of a row in the output of a job: that of HTTP, and the line of the row, from 1, in the file. */
export function lineError({ code, message }: ErrorBody, line: number): ErrorBody {
  return { code, message: `line ${line}: ${message}` }
}
