import { DailyProvider } from '@daily-co/daily-react';
import type { ReactNode } from 'react';

// As the provider of cvi-ui, which takes no settings: Daily's code is to come
// as a script that the policy names, not through eval.  A token that Daily has
// from the start is used when cvi-ui joins, which knows of none.
export function CVIProvider({ audioOnly = false, token, children }:
{ audioOnly?: boolean; token?: string | undefined; children: ReactNode }) {
  return (
    <DailyProvider
      dailyConfig={{ avoidEval: true }}
      subscribeToTracksAutomatically={!audioOnly}
      // daily-js refuses a source that is undefined
      {...(audioOnly && { videoSource: false })}
      {...(token !== undefined && { token })}
    >
      {children}
    </DailyProvider>
  );
}
