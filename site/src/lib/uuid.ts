// A random UUID.  crypto.randomUUID() would do, but is absent where a page is
// not secure: plain http on an address of the local network.
export function uuid(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));

  bytes[6] = (bytes[6]! & 0x0f) | 0x40;   // version 4
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;   // RFC 9562's variant

  return Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('')
    .replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}
