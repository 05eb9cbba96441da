/** What a bundler for browsers takes in place of `src/workspace/`. */

const needsNode = () => {
  throw new Error(
    'a workspace needs Node.js; in a browser, give the address of the service: new Webservice({ url, key })',
  )
}

export const openFolderWorkspace = needsNode
export const openAzureWorkspace = needsNode
export const openConfiguredWorkspace = needsNode
