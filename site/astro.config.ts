import react from '@astrojs/react';
import tailwindcss from '@tailwindcss/vite';
import { defineConfig } from 'astro/config';

import { finish } from './scripts/finish.ts';

export default defineConfig({
  // a placeholder: nginx puts the real origin in (see site/nginx/site.conf)
  site: 'https://example.com',
  output: 'static',
  outDir: process.env.SITE_OUT ?? '../build/site',
  cacheDir: '../build/astro',
  // /pricing.html, served as /pricing: one URL a page, no directory redirect
  build: { format: 'file', assets: '_a', inlineStylesheets: 'never' },
  trailingSlash: 'never',
  compressHTML: true,
  devToolbar: { enabled: false },
  integrations: [react(), finish()],
  vite: {
    plugins: [tailwindcss()],
    cacheDir: '../build/vite',
    build: { assetsInlineLimit: 0, target: 'es2022' },
    // What every page runs is one file: what it imports would be asked for
    // when it is there, and then before the pictures.
    environments: {
      client: {
        build: {
          rolldownOptions: {
            output: {
              codeSplitting: {
                groups: [
                  {
                    name: 'page',
                    test: /src\/(?:layouts\/Base|scripts\/(?:site|reveal|consent)|data\/(?:retention|site)|lib\/(?:config|tracking|uuid|visitor))\b|vite\/preload-helper/
                  }
                ]
              }
            }
          }
        }
      }
    }
  }
});
