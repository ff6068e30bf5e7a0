import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

export default {
    serverExternalPackages: ['pg'],
    outputFileTracingRoot: dirname(dirname(fileURLToPath(import.meta.url))),
};
