// Which microphone, camera and loudspeaker are used on this page, what went wrong
// with them, and what helps.

export type Kind = 'audioinput' | 'videoinput' | 'audiooutput';

// In this page's memory alone; nothing chosen: what the browser takes by itself.
const chosen = new Map<Kind, string>();

export const deviceOf = (kind: Kind): string | undefined => chosen.get(kind);
export const choose = (kind: Kind, id: string): void => {
  chosen.set(kind, id);
};

export type Trouble = 'denied' | 'none' | 'busy' | 'insecure' | 'other';

const TROUBLES: Record<string, Trouble> = {
  NotAllowedError: 'denied',
  SecurityError: 'denied',
  NotFoundError: 'none',
  OverconstrainedError: 'none',
  NotReadableError: 'busy',
  AbortError: 'busy'
};

export const troubleOf = (error: unknown): Trouble => TROUBLES[(error as DOMException | undefined)?.name ?? ''] ?? 'other';

// Of Daily's words.
const DAILY: Record<string, Trouble> = {
  permissions: 'denied',
  'not-found': 'none',
  'cam-in-use': 'busy',
  'mic-in-use': 'busy',
  'cam-mic-in-use': 'busy',
  'undefined-mediadevices': 'insecure'
};

export const troubleInRoom = (type: string | undefined): Trouble => DAILY[type ?? ''] ?? 'other';

export interface Opened {
  stream: MediaStream | undefined;
  camera: Trouble | undefined;
  microphone: Trouble | undefined;
}

const id = (kind: Kind) => {
  const deviceId = deviceOf(kind);
  // another one, if it was unplugged
  return deviceId === undefined ? true : { deviceId };
};

// Both; or the one that can be had, and why not the other.
export async function open(camera: boolean): Promise<Opened> {
  const media = navigator.mediaDevices as MediaDevices | undefined;
  const ask = (wants: MediaStreamConstraints) => media!.getUserMedia(wants);

  if (!media) return { stream: undefined, camera: 'insecure', microphone: 'insecure' };

  try {
    const stream = await ask({ audio: id('audioinput'), ...(camera && { video: id('videoinput') }) });
    return { stream, camera: undefined, microphone: undefined };
  } catch (error) {
    const both = troubleOf(error);

    if (both === 'denied' || !camera) return { stream: undefined, camera: camera ? both : undefined, microphone: both };
    try {
      return { stream: await ask({ audio: id('audioinput') }), camera: both, microphone: undefined };
    } catch (second) {
      const microphone = troubleOf(second);
      const stream = await ask({ video: id('videoinput') }).catch(() => undefined);
      return { stream, camera: stream ? undefined : both, microphone };
    }
  }
}

// Where a decision is taken back, by browser.
export function wayBack(agent: string): string {
  if (/iPhone|iPad/.test(agent))
    return 'Tap the icon at the left of the address, then Website Settings, and allow camera and microphone. If they are not there: Settings, Apps, your browser.';
  if (/Android/.test(agent)) return 'Tap the icon at the left of the address, then Permissions, and allow camera and microphone.';
  if (/Firefox\//.test(agent)) return 'Click the crossed-out camera or microphone at the left of the address, take the block away, and test again.';
  if (/Chrome\/|Edg\//.test(agent)) return 'Click the icon at the left of the address, allow camera and microphone, and test again.';
  if (/Safari\//.test(agent)) return 'Open Settings for This Website in the Safari menu, allow camera and microphone, and test again.';
  return 'Allow them in the settings of your browser for this page, and test again.';
}

export function inWords(trouble: Trouble, what: string, agent: string): string {
  switch (trouble) {
    case 'denied':
      return `The browser keeps ${what} closed. ${wayBack(agent)}`;
    case 'none':
      return `The browser finds nothing to use as ${what}. Is it plugged in?`;
    case 'busy':
      return `Another program seems to use ${what}. Close it there, and test again.`;
    case 'insecure':
      return `Browsers open ${what} on secure pages (https) alone.`;
    case 'other':
      return `The browser could not open ${what}.`;
  }
}
