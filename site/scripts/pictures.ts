// The pictures of the site, drawn in code: nobody in them exists.  Each scene
// is an agent in front of a room that is out of focus.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import sharp from 'sharp';

import { CARDS, cardName } from '../src/data/cards.ts';
import type { Letters } from './letters.ts';

const NAME = (JSON.parse(readFileSync(join(import.meta.dirname, '../src/content/site.json'), 'utf8')) as { name: string }).name;

const WIDTH = 1200;
const HEIGHT = 900;

interface Agent {
  wall: [string, string];
  glow: string;
  skin: [string, string, string];
  hair: [string, string];
  style: 'bob' | 'short' | 'bun' | 'curls';
  top: [string, string];
  collar: 'scrubs' | 'blazer' | 'knit' | 'shirt';
  room: string;
}

const shelf = (x: number, y: number, colours: string[]) => `
  <rect x="${x}" y="${y + 120}" width="330" height="16" fill="#5b4636"/>
  ${colours
    .map(
      (c, i) => `<rect x="${x + 18 + i * 37}" y="${y + ((i * 53) % 41)}"
    width="28" height="${120 - ((i * 53) % 41)}" rx="3" fill="${c}"/>`
    )
    .join('')}`;

const plant = (x: number, y: number, s: number) => `
  <g transform="translate(${x} ${y}) scale(${s})">
    ${[-62, -38, -14, 12, 36, 60]
      .map(
        (a, i) => `<path transform="rotate(${a})"
      d="M0 0C-34 -70 -26 -150 0 -${190 + (i % 3) * 26}C26 -150 34 -70 0 0Z"
      fill="${i % 2 ? '#3f7d5b' : '#2f6a4c'}"/>`
      )
      .join('')}
    <path d="M-52 0H52L40 96H-40Z" fill="#c9825b"/>
  </g>`;

const agents: Record<string, Agent> = {
  general: {
    wall: ['#f3d9bf', '#d99f7c'],
    glow: '#fff3df',
    skin: ['#e6ab86', '#d3906b', '#b9714f'],
    hair: ['#3a231b', '#5b382a'],
    style: 'bob',
    top: ['#1f5c4d', '#143f35'],
    collar: 'knit',
    room: `<rect x="60" y="70" width="330" height="430" rx="12" fill="#fbead0"/>
      <rect x="217" y="70" width="16" height="430" fill="#e4bf98"/>
      <rect x="60" y="280" width="330" height="14" fill="#e4bf98"/>
      ${shelf(830, 150, ['#b9553c', '#e8c07a', '#2f6a5a', '#f0e0c6', '#7c5b86', '#c7744f', '#34505e'])}
      ${shelf(830, 360, ['#34505e', '#e2a45f', '#f0e0c6', '#8b3f34', '#2f6a5a', '#e8c07a', '#a06a52'])}
      ${plant(1090, 790, 1.35)}`
  },
  healthcare: {
    wall: ['#cfe6e4', '#8fbdbd'],
    glow: '#f3fffb',
    skin: ['#8d5a3e', '#774831', '#5b3423'],
    hair: ['#17110f', '#2c211d'],
    style: 'bun',
    top: ['#2b8a92', '#1c666e'],
    collar: 'scrubs',
    room: `<rect x="820" y="60" width="320" height="360" rx="10" fill="#f4fbfa"/>
      ${[0, 1, 2, 3, 4, 5].map((i) => `<rect x="820" y="${92 + i * 56}" width="320" height="12" fill="#c6dedd"/>`).join('')}
      <rect x="90" y="130" width="250" height="300" rx="14" fill="#ffffff"/>
      <path d="M190 215h50v55h55v50h-55v55h-50v-55h-55v-50h55z" fill="#e2725b"/>
      <rect x="0" y="560" width="420" height="340" fill="#e7f2f1"/>
      ${plant(1080, 800, 1.2)}`
  },
  legal: {
    wall: ['#d8c9b4', '#a98d6d'],
    glow: '#fff1d6',
    skin: ['#f0c4a4', '#dfa683', '#c28561'],
    hair: ['#6d6a68', '#8f8b87'],
    style: 'short',
    top: ['#27314a', '#191f33'],
    collar: 'blazer',
    room: `${shelf(40, 60, ['#6e2f2a', '#31473d', '#8a6a3a', '#6e2f2a', '#2b3a55', '#8a6a3a', '#31473d'])}
      ${shelf(40, 260, ['#31473d', '#6e2f2a', '#2b3a55', '#8a6a3a', '#6e2f2a', '#31473d', '#8a6a3a'])}
      ${shelf(40, 460, ['#2b3a55', '#8a6a3a', '#6e2f2a', '#31473d', '#8a6a3a', '#6e2f2a', '#2b3a55'])}
      <rect x="830" y="40" width="300" height="470" rx="6" fill="#f6ead2"/>
      <rect x="972" y="40" width="14" height="470" fill="#8a6b4a"/>
      <circle cx="1060" cy="620" r="74" fill="#f2c777"/>
      <rect x="1046" y="680" width="28" height="200" fill="#6f5236"/>`
  },
  ecommerce: {
    wall: ['#f6d3cf', '#e09a8f'],
    glow: '#fff0ea',
    skin: ['#c98f63', '#b4774d', '#955c38'],
    hair: ['#2a1712', '#4b2a1e'],
    style: 'curls',
    top: ['#f1b73f', '#d4932a'],
    collar: 'shirt',
    room: `<rect x="60" y="120" width="300" height="14" fill="#9b5a50"/>
      ${['#2f6a5a', '#f6efe4', '#34505e', '#c7543f', '#f1b73f']
        .map(
          (c, i) => `<path
        d="M${82 + i * 54} 134h44l10 210h-64z" fill="${c}"/>`
        )
        .join('')}
      <rect x="60" y="430" width="330" height="16" fill="#9b5a50"/>
      <rect x="90" y="340" width="90" height="90" rx="10" fill="#fff6ee"/>
      <rect x="210" y="370" width="120" height="60" rx="10" fill="#c7543f"/>
      <rect x="850" y="90" width="280" height="280" rx="140" fill="#fff4ec"/>
      <rect x="860" y="470" width="280" height="16" fill="#9b5a50"/>
      <rect x="890" y="390" width="60" height="80" rx="8" fill="#34505e"/>
      <rect x="980" y="410" width="110" height="60" rx="8" fill="#f6efe4"/>
      ${plant(1100, 830, 1.1)}`
  }
};

// Behind the head, and in front of it.
const hair: Record<Agent['style'], [string, string]> = {
  bob: [
    'M432 330C420 170 512 112 604 112C706 112 790 176 778 336C774 420 800 470 812 556C760 590 700 560 690 520H516C500 566 448 588 392 556C414 470 438 420 432 330Z',
    'M446 356C430 214 500 142 604 140C716 142 776 216 760 352C746 300 722 262 690 236C640 262 560 270 512 252C478 276 454 312 446 356Z'
  ],
  bun: [
    'M604 30C650 30 684 62 684 104C684 126 676 140 668 150C750 180 782 250 770 360H438C426 250 460 176 540 150C530 138 524 124 524 104C524 62 558 30 604 30Z',
    'M446 366C430 222 506 152 604 150C706 152 778 222 762 366C752 300 736 262 704 232C640 214 566 214 506 232C472 262 456 300 446 366Z'
  ],
  short: [
    'M446 350C424 200 500 118 610 118C724 118 786 204 764 350H446Z',
    'M450 356C426 236 470 150 560 146C600 112 718 120 752 202C772 250 768 310 758 356C752 316 744 292 732 268C676 276 590 262 540 226C500 250 470 290 450 356Z'
  ],
  curls: [
    [
      [470, 210, 84],
      [540, 150, 84],
      [620, 132, 86],
      [700, 164, 82],
      [756, 236, 80],
      [784, 326, 72],
      [790, 414, 66],
      [424, 300, 76],
      [410, 392, 70],
      [416, 478, 58],
      [786, 496, 56]
    ]
      .map(([x = 0, y = 0, r = 0]) => `M${x - r} ${y}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0Z`)
      .join(''),
    [
      [500, 232, 50],
      [560, 196, 54],
      [628, 186, 56],
      [694, 206, 52],
      [738, 262, 40],
      [468, 290, 38]
    ]
      .map(([x = 0, y = 0, r = 0]) => `M${x - r} ${y}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0Z`)
      .join('')
  ]
};

const collars: Record<Agent['collar'], string> = {
  scrubs: `<path d="M500 640L604 780L708 640L680 620H528Z" fill="url(#neck)"/>
    <path d="M488 640L604 800L720 640" fill="none" stroke="#0d474d" stroke-width="12"
      stroke-linejoin="round"/>
    <path d="M462 652C430 760 470 830 520 846M746 652C790 740 770 800 742 822"
      fill="none" stroke="#22303a" stroke-width="13" stroke-linecap="round"/>
    <circle cx="738" cy="842" r="26" fill="#c3ccd0"/><circle cx="738" cy="842" r="14" fill="#8b979d"/>`,
  blazer: `<path d="M520 622H690L650 900H560Z" fill="#f7f3ec"/>
    <path d="M604 690L640 730L622 900H588L570 730Z" fill="#8c2f39"/>
    <path d="M520 618L604 700L560 742L494 650Z" fill="#fffdf8"/>
    <path d="M690 618L604 700L648 742L716 650Z" fill="#fffdf8"/>
    <path d="M494 640L420 700L470 760L440 790L566 900L540 760Z" fill="#323d5b"/>
    <path d="M714 640L790 700L738 760L770 790L644 900L668 760Z" fill="#323d5b"/>`,
  knit: `<path d="M500 626C520 700 690 700 710 626L734 646C716 752 492 752 476 646Z" fill="#2b7361"/>
    ${[0, 1, 2, 3, 4, 5, 6, 7, 8]
      .map(
        (i) => `<path d="M${250 + i * 90} 900C${262 + i * 84} 850 ${270 + i * 82} 800 ${290 + i * 78} 770"
      stroke="#ffffff" stroke-opacity=".05" stroke-width="10" fill="none"/>`
      )
      .join('')}`,
  shirt: `<path d="M516 622L604 730L692 622Z" fill="url(#neck)"/>
    <path d="M512 614L604 734L560 796L470 660Z" fill="#ffd06b"/>
    <path d="M696 614L604 734L648 796L740 660Z" fill="#ffd06b"/>
    <path d="M604 740V900" stroke="#b67b1c" stroke-width="6"/>
    <circle cx="618" cy="800" r="7" fill="#fff3d6"/><circle cx="618" cy="862" r="7" fill="#fff3d6"/>`
};

const eye = (x: number) => `
  <path d="M${x - 38} 362C${x - 22} 338 ${x + 22} 338 ${x + 38} 362C${x + 20} 380 ${x - 20} 380 ${x - 38} 362Z" fill="#fdf8f3"/>
  <circle cx="${x + 2}" cy="360" r="17" fill="#4a2f22"/>
  <circle cx="${x + 2}" cy="360" r="9" fill="#150d0a"/>
  <circle cx="${x + 8}" cy="353" r="5" fill="#ffffff"/>
  <path d="M${x - 40} 362C${x - 22} 334 ${x + 22} 334 ${x + 40} 360" fill="none" stroke="#20130f" stroke-width="7" stroke-linecap="round"/>`;

function scene(a: Agent): string {
  const [back, front] = hair[a.style];
  const grey = a.style === 'short';

  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}">
  <defs>
    <linearGradient id="wall" x1="0" y1="0" x2="1" y2="1"><stop stop-color="${a.wall[0]}"/><stop offset="1" stop-color="${a.wall[1]}"/></linearGradient>
    <radialGradient id="light" cx=".22" cy=".1" r=".9"><stop stop-color="${a.glow}" stop-opacity=".95"/><stop offset="1" stop-color="${a.glow}" stop-opacity="0"/></radialGradient>
    <linearGradient id="skin" x1="0" y1="0" x2="1" y2=".9"><stop stop-color="${a.skin[0]}"/><stop offset=".62" stop-color="${a.skin[0]}"/><stop offset="1" stop-color="${a.skin[1]}"/></linearGradient>
    <linearGradient id="neck" gradientUnits="userSpaceOnUse" x1="0" y1="530" x2="0" y2="720"><stop stop-color="${a.skin[2]}"/><stop offset="1" stop-color="${a.skin[1]}"/></linearGradient>
    <linearGradient id="hair" x1="0" y1="0" x2="1" y2="1"><stop stop-color="${a.hair[1]}"/><stop offset="1" stop-color="${a.hair[0]}"/></linearGradient>
    <linearGradient id="top" x1="0" y1="0" x2="1" y2="1"><stop stop-color="${a.top[0]}"/><stop offset="1" stop-color="${a.top[1]}"/></linearGradient>
    <radialGradient id="cheek"><stop stop-color="#e2614a" stop-opacity=".34"/><stop offset="1" stop-color="#e2614a" stop-opacity="0"/></radialGradient>
    <radialGradient id="edge" cx=".5" cy=".42" r=".78"><stop offset=".55" stop-color="#000" stop-opacity="0"/><stop offset="1" stop-color="#1b0f08" stop-opacity=".42"/></radialGradient>
    <filter id="far" x="-10%" y="-10%" width="120%" height="120%"><feGaussianBlur stdDeviation="15"/></filter>
    <filter id="soft" x="-30%" y="-30%" width="160%" height="160%"><feGaussianBlur stdDeviation="18"/></filter>
    <radialGradient id="shade"><stop stop-color="#1b0f08" stop-opacity=".34"/><stop offset=".5" stop-color="#1b0f08" stop-opacity=".2"/><stop offset="1" stop-color="#1b0f08" stop-opacity="0"/></radialGradient>
    <clipPath id="head"><path d="M448 330C444 200 510 150 604 150C698 150 764 200 760 330C756 470 690 566 604 566C518 566 452 470 448 330Z"/></clipPath>
  </defs>
  <rect width="${WIDTH}" height="${HEIGHT}" fill="url(#wall)"/>
  <g filter="url(#far)">${a.room}</g>
  <rect width="${WIDTH}" height="${HEIGHT}" fill="url(#light)"/>
  <ellipse cx="640" cy="600" rx="560" ry="460" fill="url(#shade)"/>
  <path d="${back}" fill="url(#hair)"/>
  <path d="M170 900C176 742 300 690 430 660C500 644 520 622 524 560H684C688 622 708 644 778 660C908 690 1032 742 1038 900Z" fill="url(#top)"/>
  <path d="M524 520H684V606C684 660 650 700 604 700C558 700 524 660 524 606Z" fill="url(#neck)"/>
  ${collars[a.collar]}
  <ellipse cx="446" cy="386" rx="30" ry="46" fill="${a.skin[1]}"/>
  <ellipse cx="762" cy="386" rx="30" ry="46" fill="${a.skin[1]}"/>
  <path d="M448 330C444 200 510 150 604 150C698 150 764 200 760 330C756 470 690 566 604 566C518 566 452 470 448 330Z" fill="url(#skin)"/>
  <g clip-path="url(#head)">
    <path d="M700 150C720 300 700 470 610 570L790 570V150Z" fill="${a.skin[2]}" opacity=".22" filter="url(#soft)"/>
    <ellipse cx="512" cy="440" rx="58" ry="44" fill="url(#cheek)"/>
    <ellipse cx="696" cy="440" rx="58" ry="44" fill="url(#cheek)"/>
  </g>
  <path d="M486 318C510 298 548 298 574 312" fill="none" stroke="${grey ? '#57524f' : a.hair[0]}" stroke-width="13" stroke-linecap="round"/>
  <path d="M634 312C660 298 698 298 722 318" fill="none" stroke="${grey ? '#57524f' : a.hair[0]}" stroke-width="13" stroke-linecap="round"/>
  ${eye(530)}${eye(678)}
  <path d="M606 372C598 404 588 424 590 436C596 448 616 450 626 440" fill="none" stroke="${a.skin[2]}" stroke-width="8" stroke-linecap="round"/>
  <path d="M546 486C576 500 632 500 662 486C650 528 626 540 604 540C582 540 558 528 546 486Z" fill="#7d2b26"/>
  <path d="M552 488C580 500 628 500 656 488C652 500 648 506 646 508C620 514 588 514 562 508C560 506 556 500 552 488Z" fill="#fffaf5"/>
  <path d="M538 482C560 494 580 496 604 494C628 496 648 494 670 482" fill="none" stroke="#a4483c" stroke-width="7" stroke-linecap="round"/>
  ${grey ? `<g fill="none" stroke="#2a2320" stroke-width="8"><rect x="474" y="326" width="116" height="76" rx="34"/><rect x="620" y="326" width="116" height="76" rx="34"/><path d="M590 356C598 348 612 348 620 356M474 352L450 344M736 352L760 344"/></g>` : ''}
  <path d="${front}" fill="url(#hair)"/>
  ${
    a.collar === 'shirt'
      ? `<path d="M430 400C420 200 520 96 606 96C700 96 790 200 778 400" fill="none" stroke="#22252b" stroke-width="18"/>
    <rect x="408" y="356" width="46" height="96" rx="22" fill="#22252b"/><rect x="754" y="356" width="46" height="96" rx="22" fill="#22252b"/>
    <path d="M432 450C440 520 490 552 540 548" fill="none" stroke="#22252b" stroke-width="9"/><ellipse cx="548" cy="548" rx="18" ry="11" fill="#22252b"/>`
      : ''
  }
  <rect width="${WIDTH}" height="${HEIGHT}" fill="url(#edge)"/>
</svg>`;
}

// For links that are shared: the mark, the name, the claim of the page and an agent.
// The letters are outlines, as fonts differ from machine to machine.
function card(picture: Buffer, claim: string, letters: Letters): string {
  const lines = letters.wrap(claim, 64, 500);
  const top = 360 - (lines.length - 1) * 36;

  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1200 630" width="1200" height="630">
  <defs><linearGradient id="g" x1="0" y1="0" x2="1" y2="1"><stop stop-color="#123b33"/><stop offset="1" stop-color="#0a211d"/></linearGradient>
  <clipPath id="c"><rect x="640" y="60" width="500" height="510" rx="36"/></clipPath></defs>
  <rect width="1200" height="630" fill="url(#g)"/>
  <g transform="translate(72 72) scale(2)">${MARK}</g>
  <g fill="#f2ede3">${letters.outline(NAME, 152, 122, 48)}</g>
  <g fill="#fff">${lines.map((line, i) => letters.outline(line, 72, top + i * 72, 64)).join('')}</g>
  <image href="data:image/png;base64,${picture.toString('base64')}" x="550" y="60" width="680" height="510" clip-path="url(#c)" preserveAspectRatio="xMidYMin slice"/>
</svg>`;
}

const MARK =
  '<path d="M16 2C7.7 2 2 7.2 2 14.2c0 4.2 2 7.700 5.300 9.900L6 30l6.800-3.800c1 .2 2.100.3 3.200.3 8.300 0 14-5.200 14-12.300S24.300 2 16 2Z" fill="#ff7a59"/><circle cx="11" cy="13.500" r="2.300" fill="#fff"/><circle cx="21" cy="13.500" r="2.300" fill="#fff"/><path d="M11 18.500c2.600 2.700 7.400 2.700 10 0" fill="none" stroke="#fff" stroke-width="2.400" stroke-linecap="round"/>';

// An icon that browsers ask for without being told: PNGs in the container of ICO.
async function ico(svg: Buffer): Promise<Buffer> {
  const images = await Promise.all([16, 32, 48].map((size) => sharp(svg, { density: 600 }).resize(size).png({ compressionLevel: 9 }).toBuffer()));
  const head = Buffer.alloc(6 + 16 * images.length);

  head.writeUInt16LE(1, 2);
  head.writeUInt16LE(images.length, 4);
  images.reduce((at, image, i) => {
    const entry = 6 + 16 * i;
    const size = [16, 32, 48][i]!;

    head.writeUInt8(size, entry);
    head.writeUInt8(size, entry + 1);
    head.writeUInt16LE(1, entry + 4);
    head.writeUInt16LE(32, entry + 6);
    head.writeUInt32LE(image.length, entry + 8);
    head.writeUInt32LE(at, entry + 12);
    return at + image.length;
  }, head.length);
  return Buffer.concat([head, ...images]);
}

export async function pictures(out: string, letters: Letters): Promise<void> {
  mkdirSync(out, { recursive: true });

  for (const [name, agent] of Object.entries(agents)) {
    // drawn once: the blur is what takes time
    const drawn = await sharp(Buffer.from(scene(agent)))
      .png()
      .toBuffer();

    for (const width of [480, 800, 1200]) {
      const image = sharp(drawn).resize(width);

      writeFileSync(join(out, `${name}-${width}.avif`), await image.clone().avif({ quality: 50, effort: 4 }).toBuffer());
      writeFileSync(join(out, `${name}-${width}.webp`), await image.clone().webp({ quality: 72, effort: 4 }).toBuffer());
    }
  }

  for (const [path, { claim, who }] of Object.entries(CARDS)) {
    const agent = await sharp(Buffer.from(scene(agents[who]!)))
      .resize(800)
      .png()
      .toBuffer();

    writeFileSync(
      join(out, `${cardName(path)}.png`),
      await sharp(Buffer.from(card(agent, claim, letters)))
        .png({ palette: true, quality: 85, compressionLevel: 9 })
        .toBuffer()
    );
  }

  const icon = Buffer.from(
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" fill="#123b33"/><g transform="translate(4.800 4.800) scale(.7)">${MARK}</g></svg>`
  );
  writeFileSync(join(out, 'touch.png'), await sharp(icon, { density: 600 }).resize(180).png({ compressionLevel: 9 }).toBuffer());
  for (const size of [192, 512]) {
    writeFileSync(join(out, `icon-${size}.png`), await sharp(icon, { density: 600 }).resize(size).png({ compressionLevel: 9 }).toBuffer());
  }
  writeFileSync(join(out, 'favicon.ico'), await ico(readFileSync(join(out, '../../../public/icon.svg'))));
}
