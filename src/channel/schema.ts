/** The JSON Schema of a namespace's data, compiled to a check. */
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { AnySchemaObject } from 'ajv/dist/2020.js';
import type { CheckData } from './rules.ts';

/** What is wrong is told to the peer, whose own keys may be a part of it. */
const WORDS_CHARACTERS_MAX = 200;

/**
 * Compiles a schema of draft 2020-12. Nothing is fetched: a `$ref` reaches only within the schema.
 * The schema is the operator's and trusted: its patterns run as they are.
 * @throws Error that says what is wrong with the schema.
 */
export function compileSchema(schema: unknown): CheckData {
  if (!isSchemaObject(schema)) throw new Error('a JSON Schema is an object');
  if ('$async' in schema) throw new Error('$async is not JSON Schema 2020-12');
  const validate = ajv().compile(schema);
  return (value) => {
    // `validate` keeps what it found in a property of its own, only until the next call.
    if (validate(value)) return null;
    const found = validate.errors?.[0];
    const words = `${found?.instancePath ?? ''} ${found?.message ?? 'is not valid'}`.trim();
    return words.slice(0, WORDS_CHARACTERS_MAX);
  };
}

/** One for each schema: `$id`s of two namespaces may be the same. */
function ajv(): Ajv2020 {
  return new Ajv2020({
    // Unknown keywords and formats are mistakes, not something to pass over in silence.
    strict: true,
    // Good schemas of 2020-12 that only look wrong to ajv.
    strictRequired: false,
    strictTuples: false,
    allowUnionTypes: true,
    // The first error is enough to refuse, and bounds the work on hostile data.
    allErrors: false,
    // `{"required": ["constructor"]}` is about the data, not about what every object inherits.
    ownProperties: true,
    logger: false,
  });
}

function isSchemaObject(value: unknown): value is AnySchemaObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
