/** Azure ML's rule for the name of a web service (azureml-core, `Webservice`), which is also the folder's name. */
export const serviceNamePattern = /^[a-z]([-a-z0-9]{1,30}[a-z0-9])$/
/** The same in words. */
export const serviceNameRule = 'use 3 to 32 lower-case letters, digits or "-", starting with a letter'
