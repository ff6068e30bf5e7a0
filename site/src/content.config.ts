// What the owner writes, checked when the site is built: a field that is missing or
// misspelt has a name and a place.

import { file } from 'astro/loaders';
import { z } from 'astro/zod';
import { defineCollection } from 'astro:content';

import { FEATURES, type FeatureId } from '@/data/features';

const text = z.string().trim().min(1);
const feature = z.string().refine((id): id is FeatureId => id in FEATURES, 'is not in src/data/features.ts');

export const collections = {
  demos: defineCollection({
    loader: file('src/content/demos.json'),
    schema: z.strictObject({
      id: z.enum(['healthcare', 'legal', 'ecommerce']),
      title: text,
      short: text,
      headline: text,
      lead: text,
      never: text,
      asks: z.array(text).min(1),
      does: z.array(z.strictObject({ title: text, text, of: z.array(feature).min(1) })).min(1)
    })
  }),
  questions: defineCollection({
    loader: file('src/content/questions.json'),
    schema: z.strictObject({ id: text, page: z.enum(['home', 'pricing']), q: text, a: text, of: z.array(feature).min(1) })
  }),
  customers: defineCollection({
    loader: file('src/content/customers.json'),
    schema: z.strictObject({ id: text, quote: text, name: text, role: text, url: z.url().optional() })
  })
};
