export { digest, random, seed, ternary, uniform63, uniform64 } from './blake2xb'
export { forward, inverse, tabulate } from './transform'
export {
  add,
  convert,
  dot,
  multiply,
  multiplyAdd,
  multiplyRotated,
  pack,
  rotate,
  rotateAdd,
  scale,
  subtractScale,
  unpack,
} from './vectors'
