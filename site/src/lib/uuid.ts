// A random UUID, or one that begins with a time.  crypto.randomUUID() would do
// for the first, but is absent where a page is not secure: plain http on an
// address of the local network.
export function uuid(time?: number): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));

  if (time !== undefined) {
    for (let i = 5, rest = time; i >= 0; i--, rest = Math.floor(rest / 256)) bytes[i] = rest % 256;
  }

  bytes[6] = (bytes[6]! & 0x0f) | (time === undefined ? 0x40 : 0x70); // version 4 or 7
  bytes[8] = (bytes[8]! & 0x3f) | 0x80; // RFC 9562's variant

  return Array.from(bytes, (b) => b.toString(16).padStart(2, '0'))
    .join('')
    .replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}
