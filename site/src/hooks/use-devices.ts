import { useCallback, useEffect, useState } from 'react';

// What there is, and what there is after something was plugged in or out; names are
// known only once the browser has let something be opened, so look() looks again.
export function useDeviceList(): { list: MediaDeviceInfo[] | undefined; look: () => void } {
  const [list, setList] = useState<MediaDeviceInfo[]>();
  const [turn, setTurn] = useState(0);

  useEffect(() => {
    const media = navigator.mediaDevices as MediaDevices | undefined;
    let gone = false;

    // absent where the page is not secure
    if (!media) {
      setList([]);
      return;
    }

    const find = () => {
      void media
        .enumerateDevices()
        .catch(() => [])
        .then((found) => {
          if (!gone) setList(found);
        });
    };

    find();
    media.addEventListener('devicechange', find);
    return () => {
      gone = true;
      media.removeEventListener('devicechange', find);
    };
  }, [turn]);

  return { list, look: useCallback(() => setTurn((n) => n + 1), []) };
}
