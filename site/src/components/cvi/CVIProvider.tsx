import { DailyProvider } from '@daily-co/daily-react';
import type { ReactNode } from 'react';

// As the provider of cvi-ui, which takes no settings: Daily's code is to come
// as a script that the policy names, not through eval.
export function CVIProvider({ audioOnly = false, children }:
{ audioOnly?: boolean; children: ReactNode }) {
  return (
    <DailyProvider
      dailyConfig={{ avoidEval: true }}
      subscribeToTracksAutomatically={!audioOnly}
      // daily-js refuses a source that is undefined
      {...(audioOnly && { videoSource: false })}
    >
      {children}
    </DailyProvider>
  );
}
