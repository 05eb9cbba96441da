/** Blobs of triggers that Azure's host names in place of their content (deferred binding), which may be larger than a message. */
import { ResourceFactoryResolver } from '@azure/functions-extensions-base'

/** As the storage extension of the host calls them. (BlobTriggerBinding) */
const blobs = 'AzureStorageBlobs'

/**
 * Lets the library accept such references. To be called when the functions of the project are known: one of them may use
 * `@azure/functions-extensions-blob`, which does the same, and refuses to do it second.
 */
export function acceptBlobReferences(): void {
  const resolver = ResourceFactoryResolver.getInstance()
  if (!resolver.hasResourceFactory(blobs)) resolver.registerResourceFactory(blobs, reference => reference)
}
