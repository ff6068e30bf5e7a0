// docs/openapi.yaml, as Redocly's linter sees it: the document's own rules, what is not used, what is
// not described, and examples that are not what their schemas say.  Prints nothing if all is well.

import {createRequire} from 'node:module';

const require = createRequire(new URL('../../build/lint/', import.meta.url));
const {createConfig, formatProblems, lint} =
    await import(require.resolve('@redocly/openapi-core'));

const config = await createConfig({
    extends: ['recommended-strict'],
    rules: {
        'info-license-strict': 'error',
        'no-ambiguous-paths': 'off', // openapi.json, retry: literals before ids
        'no-http-verbs-in-paths': 'off',
        'no-invalid-media-type-examples': 'error',
        'no-invalid-parameter-examples': 'error',
        'no-invalid-schema-examples': 'error',
        'no-required-schema-properties-undefined': 'error',
        'no-schema-type-mismatch': 'error',
        'no-duplicated-tag-names': 'error',
        'no-unused-components': 'error',
        'operation-4xx-response': 'off', // of metrics and config.json: in default
        'operation-4xx-problem-details-rfc7807': 'error',
        'operation-description': 'error',
        'operation-parameters-unique': 'error',
        'operation-singular-tag': 'error',
        'operation-tag-defined': 'error',
        'parameter-description': 'error',
        'path-params-defined': 'error',
        'response-contains-property': 'off',
        'tag-description': 'error',
    },
});

const found = await lint({ref: process.argv[2] ?? 'docs/openapi.yaml', config});

// what `then` requires is defined beside it
const problems = found.filter((p) => p.ruleId !== 'no-required-schema-properties-undefined' ||
    !p.location[0].pointer?.includes('/then/'));

for (const p of problems) {
    const at = p.location[0];
    console.log(`${at.source.absoluteRef}: ${at.pointer ?? ''}: ${p.ruleId}: ${p.message}`);
}
process.exit(problems.length ? 1 : 0);
