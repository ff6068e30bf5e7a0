import { DailyProvider } from '@daily-co/daily-react';
import type { ReactNode } from 'react';

import { deviceOf } from '@/lib/devices';

// As the provider of cvi-ui, which takes no settings: Daily's code is to come
// as a script that the policy names, not through eval.  A token that Daily has
// from the start is used when cvi-ui joins, which knows of none.
export function CVIProvider({ audioOnly = false, token, children }: { audioOnly?: boolean; token?: string | undefined; children: ReactNode }) {
  const microphone = deviceOf('audioinput');
  const camera = audioOnly ? false : deviceOf('videoinput');

  return (
    <DailyProvider
      dailyConfig={{ avoidEval: true }}
      subscribeToTracksAutomatically={!audioOnly}
      // daily-js refuses a source that is undefined
      {...(microphone !== undefined && { audioSource: microphone })}
      {...(camera !== undefined && { videoSource: camera })}
      {...(token !== undefined && { token })}
    >
      {children}
    </DailyProvider>
  );
}
