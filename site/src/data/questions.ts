// What is asked, from src/content: each answer says what it promises.

import questions from '@/content/questions.json';

import type { FeatureId } from './features';

export interface Question {
  id: string;
  page: string;
  q: string;
  a: string;
  of: FeatureId[];
}

export const QUESTIONS = questions as Question[];
