import { useId } from 'react';

// One of several devices.  Browsers hide the names until one was opened.
export function Pick({ label, list, value, onPick }: { label: string; list: MediaDeviceInfo[]; value: string | undefined; onPick: (id: string) => void }) {
  const id = useId();

  if (!list.some((d) => d.deviceId)) return null;

  return (
    <div className="flex flex-col gap-1">
      <label htmlFor={id} className="text-sm font-semibold">
        {label}
      </label>
      <select
        id={id}
        value={value ?? ''}
        onChange={(event) => onPick(event.target.value)}
        className="min-h-11 w-full rounded-xl border border-line-strong bg-field px-3 text-sm"
      >
        {list.map((d, i) => (
          <option key={d.deviceId} value={d.deviceId}>
            {d.label || `${label} ${i + 1}`}
          </option>
        ))}
      </select>
    </div>
  );
}
