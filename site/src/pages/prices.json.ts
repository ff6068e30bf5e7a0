import type { APIRoute } from 'astro';

import { BUILT_IN } from '@/data/prices';

// What the pages show, for programs: debian/tavus-check holds it against Stripe.
export const GET: APIRoute = () => Response.json(BUILT_IN);
