// Runs on any Node.js, before anything that needs the one that package.json promises; functions.cjs begins with it.
{
  const lowest = '22.19'
  const [major, minor] = lowest.split('.').map(Number)
  const [foundMajor, foundMinor] = process.versions.node.split('.').map(Number)
  if (foundMajor < major || (foundMajor === major && foundMinor < minor)) {
    const message = `Node.js ${lowest} or later is needed, found ${process.versions.node} (${process.execPath})`
    if (require.main !== module) throw new Error(message) // Azure's worker logs it
    console.error(`error: ${message}`)
    process.exit(1)
  }
}
