/** The JSON Schema of `sluice.yaml`, from the table of options. */
import type { JsonSchema } from './kinds.ts';
import { treeSchema } from './option.ts';
import { ALL_OPTIONS } from './options.ts';

/** For editors. */
export function fileSchema(): JsonSchema {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'sluice.yaml',
    ...treeSchema(ALL_OPTIONS),
  };
}
