// Made by tools/schemas/write_grpc.py.
/**
 * The schemas of gRPC's health and reflection services: a `FileDescriptorSet` (google/protobuf/descriptor.proto), compressed
 * (zlib), as base64.
 *
 * Of grpcio-health-checking and grpcio-reflection 1.81.1, Copyright The gRPC Authors, Apache License 2.0.
 */
export const grpcSchemas = [
  'eNqtls9u20YQxkXLkpGRLcvrf7SaxDHdNnJtUBZToEgKFIkdxVFc0IbVJEAuBCWvKaI0VyVpIT713F566LW3nNpDHyCHvEPfqMslJVHUriwDOdnc',
  'nflmOPPxB8Ffs/CF5XXbRgebTtCp9mrV6D+165GAoGJ4qcZHvZryFaCX7OGwg9s/n+FfrrAfoEWY87HXs9tYlh5IlTvK3xIsj8T5XeL6GD2DvB+Y',
  'wZXP4opaTR3VVzlJajOUdq0mS1ROYGHkABVg7rV+rJ+81UuZ8KFZP3vT0I9KEm2roJ/8ZPQPZtAyLLKHw7rRT8lq/0qQj8qiU8ix0kiZ2Bd76fL2',
  'FL2jM8i9NYN257Mp7ksHJizZJBV6UIhiT8OtnUrv9ixCLAerFnFM11KJZ1XDhHi51cTKjV7tn5niUagWSahvaq082/4j+ARQYbEevnBwO7CJSy1i',
  'Ot2OWR0exV5ZZy0ljuNI5fcZWA93hr2zwWXfOvMw2yF+EPkGlaF0YTvYaF0b4V/XvMRyNrx5mUEPYI3dtYkbmLZLDWD415ct4sizcYQOG+kI/D7A',
  'rk/ryTkaVNB2VEGTar0fGXdG9R7CPdNxhhqGe3XZwp5vkAsjuO5iOR8XXocFx/YDI/4IfHkuujhYgsVL7PumhekEmaxSh1K6FM1fTPTMpKN5yFBK',
  'V5dn6E1O+S8L8vhMY9chgJ7p2OdGYrSvoEQ827Jd0+n3wqQK2r5wJqKlNUFmgz7HftuzuwHxqGRUmy2joFWFmi9o4vNBXr9lOsR3cJ8/7YF07oZ2',
  'B3PVWWZCW4e1kQUNNfNMc0+o+SNNa0ZZCb2nUMSel3ztOabztbi3MHyocICgNHRGdKp8B2v86aB7sJoeOPvm6G6zlXnlGNYF747WoNgyfcxMZbDv',
  'aZKzstRZp7DMeWn0OMn4LH3XykTbJFKVTYrdlBr97IfNKE9gYWQ+oYGj+bbJeRSUQ6uwEJ3Fc2PuvaP9KUEp7VP0K6ykzxruBUG3tnq5douMqPmK',
  'tC8NAPoBYJuBdwSg4+xE41WUPyZgs5jEppZBd0Xg1DLUrspkdLKYxs3w/JIzCx43d6biJqu6wSVneMVjZ4PDzg0BO+lQyiJ6ahnl4yR+rozzk8rV',
  'hQTd5Q1GtDr9Rnh+w5MTcvP1lNzcnbi9MWQ2bkDmQ54cn5bfC2i5xe1oClA+FoJycyIo6d5PxKiU+agUGinLjHTMx+W3aVxuizySJOXWOCmLSVLS',
  'ej+kWbkyzkqN/STh0TKj/cbj5ZWAl7cxdnlvuuBxSv4PgHMa2A==',
].join('')
