import { useSyncExternalStore } from 'react';

// The zone in which times are shown and filters are meant: the owner's own, or UTC.
const KEY = 'admin:zone';
const CHANGED = 'admin:zone';

function subscribe(changed: () => void): () => void {
  addEventListener('storage', changed);
  addEventListener(CHANGED, changed);
  return () => {
    removeEventListener('storage', changed);
    removeEventListener(CHANGED, changed);
  };
}

function kept(): string | null {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}

export const OWN = Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC';

export interface Zone {
  name: string;
  utc: boolean;
  set: (utc: boolean) => void;
  // of a moment, for the eye; what is none, as somebody typed it, as it is
  show: (iso: string, style?: Intl.DateTimeFormatOptions) => string;
  // of a moment, as a field of a date and time has it, and back
  field: (iso: string) => string;
  moment: (field: string) => string;
  // the beginning of a moment's day, and of the day that is n days ago
  dayOf: (iso: string) => string;
  day: (n: number) => string;
}

const LONG: Intl.DateTimeFormatOptions = { dateStyle: 'medium', timeStyle: 'medium' };

function zone(utc: boolean): Zone {
  const name = utc ? 'UTC' : OWN;
  const began = (at: Date, ago = 0): string => {
    if (utc) at.setUTCHours(0, 0, 0, 0);
    else at.setHours(0, 0, 0, 0);
    if (utc) at.setUTCDate(at.getUTCDate() - ago);
    else at.setDate(at.getDate() - ago);
    return at.toISOString();
  };

  return {
    name,
    utc,
    set: (to) => {
      try {
        localStorage.setItem(KEY, to ? 'utc' : 'own');
      } catch {
        /* for this page, then */
      }
      dispatchEvent(new Event(CHANGED));
    },
    show: (iso, style = LONG) => (Number.isNaN(Date.parse(iso)) ? iso : new Intl.DateTimeFormat('en-GB', { ...style, timeZone: name }).format(new Date(iso))),
    field: (iso) => {
      const at = new Date(iso);
      const shifted = utc ? at : new Date(at.getTime() - at.getTimezoneOffset() * 60_000);
      return Number.isNaN(at.getTime()) ? '' : shifted.toISOString().slice(0, 16);
    },
    moment: (field) => (field ? new Date(utc ? `${field}Z` : field).toISOString() : ''),
    dayOf: (iso) => began(new Date(iso)),
    day: (n) => began(new Date(), n)
  };
}

const zones = { utc: zone(true), own: zone(false) };

export const useZone = (): Zone =>
  useSyncExternalStore(
    subscribe,
    () => (kept() === 'utc' ? zones.utc : zones.own),
    () => zones.own
  );
