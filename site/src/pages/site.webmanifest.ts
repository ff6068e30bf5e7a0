import type { APIRoute } from 'astro';

import { NAME } from '@/data/site';
import small from '@/generated/pictures/icon-192.png?url';
import large from '@/generated/pictures/icon-512.png?url';

export const GET: APIRoute = () =>
  Response.json({
    name: NAME,
    start_url: '/',
    display: 'browser',
    background_color: '#fbf7f0',
    theme_color: '#fbf7f0',
    icons: [
      [small, '192x192'],
      [large, '512x512']
    ].map(([src, sizes]) => ({ src, sizes, type: 'image/png' }))
  });
