// The home page of the site as it was built: its elements become those of a
// server component, so that both pages are the same by construction.

import { readFileSync } from 'node:fs';

import parse from 'html-react-parser';

const html = readFileSync(process.env.HOME_PAGE, 'utf8');
const one = (pattern) => pattern.exec(html)[1];

export const head = {
    title: one(/<title>(.*?)<\/title>/),
    description: one(/<meta name="description" content="(.*?)"/),
    fonts: [...html.matchAll(/<link rel="preload" as="font"[^>]* href="([^"]+)"/g)].map((m) => m[1]),
    script: one(/<script>([\s\S]*?)<\/script>/),
};

export const body = parse(one(/<body[^>]*>([\s\S]*)<\/body>/).replace(/<script[\s\S]*?<\/script>/g, ''));
