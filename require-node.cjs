// Runs on any Node.js, before anything that needs the one that the lock file brings.
if (Number.parseInt(process.versions.node, 10) < 24) {
  console.error(
    `error: this runs on Node.js 24, found ${process.versions.node}: run "npm ci" first, it brings the right one`,
  )
  process.exit(1)
}
