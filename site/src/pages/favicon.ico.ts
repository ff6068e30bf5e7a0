import { readFileSync } from 'node:fs';

import type { APIRoute } from 'astro';

export const GET: APIRoute = () => new Response(readFileSync('src/generated/pictures/favicon.ico'));
