// Short recordings of a conversation, for hero and demos: <place>.mp4 with its captions,
// <place>.vtt, in site/public/footage; the place is the name of the drawing that stands
// there meanwhile.  None is built in, as none can be invented.

import { existsSync } from 'node:fs';

export interface Footage {
  video: string;
  captions: string;
}

export function footageOf(place: string): Footage | undefined {
  const file = (end: string) => `/footage/${place}.${end}`;
  const there = (end: string) => existsSync(`public${file(end)}`);

  if (!there('mp4')) return undefined;
  if (!there('vtt')) throw new Error(`public${file('mp4')} has no captions: ${place}.vtt is missing`);
  return { video: file('mp4'), captions: file('vtt') };
}
