// Text as outlines, so that a picture with words is the same on each machine.

import * as hb from 'harfbuzzjs';

export interface Letters {
  // an SVG path of a line that begins at x, on the base line y
  outline: (text: string, x: number, y: number, size: number) => string;
  wrap: (text: string, size: number, width: number) => string[];
}

export function lettersOf(font: Uint8Array): Letters {
  const face = new hb.Face(new hb.Blob(font.slice().buffer));
  const of = new hb.Font(face);

  const shape = (text: string) => {
    const buffer = new hb.Buffer();

    buffer.addText(text);
    buffer.guessSegmentProperties();
    hb.shape(of, buffer);

    const places = buffer.getGlyphPositions();

    return buffer.getGlyphInfos().map((glyph, i) => ({ id: glyph.codepoint, advance: places[i]!.xAdvance }));
  };
  const width = (text: string, size: number) => (shape(text).reduce((sum, g) => sum + g.advance, 0) * size) / face.upem;

  return {
    outline: (text, x, y, size) => {
      const scale = size / face.upem;
      let at = x;

      return shape(text)
        .map(({ id, advance }) => {
          const path = of.glyphToPath(id);
          const drawn = path && `<path transform="translate(${at.toFixed(2)} ${y}) scale(${scale} ${-scale})" d="${path}"/>`;

          at += advance * scale;
          return drawn;
        })
        .join('');
    },
    wrap: (text, size, most) =>
      text.split(' ').reduce<string[]>((lines, word) => {
        const longer = lines.length ? `${lines.at(-1)} ${word}` : word;

        return lines.length && width(longer, size) <= most ? lines.with(-1, longer) : [...lines, word];
      }, [])
  };
}
