import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));

export default {
    output: 'export',
    outputFileTracingRoot: here,
    images: { unoptimized: true },
    webpack: (config) => {
        // what comes with a click, and is not measured
        config.resolve.alias['@/components/cvi/mount$'] = false;
        config.resolve.alias['posthog-js/dist/module.no-external$'] = false;
        config.resolve.alias['@'] = join(here, 'src');
        return config;
    },
};
