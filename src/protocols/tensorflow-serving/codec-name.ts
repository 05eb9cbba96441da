/** The name of the codec in requests; apart from the codec, which only the workers load. */
export const codecName = 'tensorflow-serving'
